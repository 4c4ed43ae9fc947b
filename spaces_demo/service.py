"""What the page and the API do, without the page: take files, ask a worker, delete the files."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .answers.messages import Reply, Request
from .answers.verdict import table_row
from .checkpoints import Checkpoint
from .examples import Example, ExampleFiles
from .files.pair import Batch, Pair, pair_up
from .files.unpack import lay_together, unpack
from .files.uploads import Uploads, own_name, visible_name
from .workers.pool import Workers

log = logging.getLogger("emert.demo")

_SEVERAL_RECORDINGS = (
    "{} holds several recordings; answer it under 'One clip' (programs: by /answer), where participant and stimulus can be "
    "named, or split it into a file for each recording."
)
_LONGEST_MODEL = 80  # letters of an unknown model's name in a message
NOTHING_GIVEN = "Nothing to answer from: give a video, a gaze file, or both."


class Service:
    """Answers for one server. Every method deletes the uploads that it was given, after an error too."""

    def __init__(self, workers: Workers, uploads: Uploads, checkpoints: Sequence[Checkpoint], examples: ExampleFiles):
        self.workers, self.uploads = workers, uploads
        self.checkpoints, self.examples = list(checkpoints), examples

    def checkpoint(self, name: str | None) -> Checkpoint:
        """By its name, or the first one. Raises `EmertInputError` where there is none of that name."""
        if not name:
            return self.checkpoints[0]
        by_name = {one.name: one for one in self.checkpoints}
        if name in by_name:
            return by_name[name]
        shown = name if len(name) <= _LONGEST_MODEL else f"{name[:_LONGEST_MODEL]}…"
        raise EmertInputError(f"There is no model {shown!r}; there is {', '.join(by_name)}.")

    def answers(
        self,
        video: str | Path | None,
        gaze: str | Path | None,
        participant: str | None = None,
        model: str | None = None,
        pictures: bool = True,
        names: tuple[str, str] = ("", ""),
        keep: bool = False,
        face: str | None = None,
        stimulus: str | None = None,
    ) -> Iterator[Reply]:
        """From uploaded files: the numbers, then with `pictures` the same once more. The files are deleted before the first.

        `names`: the visitor's names of the files, where the paths do not have them. `keep`: where the reply says what was
        `wrong`, the other files stay for the next request.
        """
        files, kept = {"video": video, "gaze": gaze}, []
        try:
            if video is None and gaze is None:
                raise EmertInputError(NOTHING_GIVEN)
            request = Request(
                self.checkpoint(model).folder,
                self.uploads.claim(video),
                self.uploads.claim(gaze),
                (participant or "").strip() or None,
                pictures,
                visible_name(names[0] or video or ""),
                visible_name(names[1] or gaze or ""),
                face=(face or "").strip() or None,
                stimulus=(stimulus or "").strip() or None,
            )
            replies = self.workers.replies(request)
            first = next(replies)
            kept = [part for part in files if keep and first.keeps(part)]
        except EmertInputError as error:
            replies, first = iter(()), Reply(refusal=str(error))
        finally:
            self.uploads.release(files[part] for part in kept)
            self.uploads.delete(path for part, path in files.items() if part not in kept)
        yield self._finish(first, model)
        for reply in replies:
            yield self._finish(reply, model)

    def answers_of_example(self, example: Example, model: str | None) -> Iterator[Reply]:
        """As [`answers`], from one of our own examples, whose files are kept."""
        try:
            request = Request(self.checkpoint(model).folder, *self.examples.of(example), example=True)
        except EmertInputError as error:
            yield self._finish(Reply(refusal=str(error)), model)
            return
        for reply in self.workers.replies(request):
            yield self._finish(reply, model)

    def answer_batch(self, files: Sequence[str | Path], model: str | None) -> Iterator[tuple[int, list[dict], str]]:
        """After each recording: the number of recordings, the rows so far, a note on what was left out or is doubtful.

        Raises `EmertInputError` before the first.
        """
        folder = Path(tempfile.mkdtemp(prefix="batch-"))  # outside the uploads, which are deleted after a while
        try:
            chosen, rows = self.checkpoint(model), []
            batch = self._batch(files, folder)
            yield len(batch.pairs), rows, batch.note
            for pair in batch.pairs:
                rows.append(table_row(pair, self._ask_pair(chosen, pair, folder)))
                yield len(batch.pairs), rows, batch.note
        except EmertInputError as error:
            log.warning("refused a batch: %r", str(error))
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self.uploads.delete(files)

    def _batch(self, files: Sequence[str | Path], folder: Path) -> Batch:
        """The recordings of these uploads. If there are several, a zip counts as a folder of its name."""
        named: list[tuple[str, Path]] = []
        for number, given in enumerate(files):
            path = self.uploads.claim(given)
            assert path is not None
            name = own_name(path)
            if path.suffix.lower() == ".zip":
                target = folder / str(number)
                target.mkdir()
                above = f"{Path(name).stem}/" if len(files) > 1 else ""
                named += [(above + member, unpacked) for member, unpacked in unpack(path, target)]
            else:
                named.append((name, path))
        return pair_up(named)

    def _ask_pair(self, checkpoint: Checkpoint, pair: Pair, folder: Path) -> Reply:
        gaze, gaze_name = pair.gaze, pair.gaze_name
        if gaze is not None and pair.beside:
            gaze = lay_together([(pair.gaze_name, gaze), *pair.beside], folder)
            gaze_name = pair.name  # sentences name the files in it
        names = {"video_name": visible_name(pair.video_name), "gaze_name": visible_name(gaze_name)}
        reply = self.workers.ask(Request(checkpoint.folder, pair.video, gaze, pictures=False, **names))
        if reply.wrong == "recording":
            reply = Reply(refusal=_SEVERAL_RECORDINGS.format(visible_name(pair.gaze_name)))
        return self._finish(reply, checkpoint.name)

    def _finish(self, reply: Reply, model: str | None) -> Reply:
        """With the model's name and training data in the answer; a refusal leaves a line in the log."""
        if reply.answer is None:
            log.warning("refused: %r", reply.refusal)
            return reply
        chosen = self.checkpoint(model)
        return replace(reply, answer=reply.answer | {"model": chosen.name, "trained_on": chosen.data})
