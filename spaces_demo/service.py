"""What the page and the API do, without the page: take files, ask a worker, delete the files."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .answer_table import answer_pairs
from .checkpoints import Checkpoint
from .examples import Example, ExampleFiles
from .pairing import Pair, left_out_words, pair_up, sort_out
from .request import Reply, Request
from .unpacking import unpack
from .uploads import Uploads, own_name, visible_name
from .workers import Workers

log = logging.getLogger("emert.demo")

_NO_MODEL = "There is no trained model here yet; train the small one first."
_NOTHING = "Nothing to answer from: give a video, a gaze file, or both."


class Service:
    """Answers for one server. Every method deletes the uploads that it was given, whatever happens."""

    def __init__(self, workers: Workers, uploads: Uploads, checkpoints: Sequence[Checkpoint], examples: ExampleFiles):
        self.workers, self.uploads = workers, uploads
        self.checkpoints, self.examples = list(checkpoints), examples

    def checkpoint(self, name: str | None) -> Checkpoint:
        """By its name; the first without one. Raises `EmertInputError`."""
        if not self.checkpoints:
            raise EmertInputError(_NO_MODEL)
        if not name:
            return self.checkpoints[0]
        for one in self.checkpoints:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.checkpoints)
        raise EmertInputError(f"There is no model {visible_name(name)!r}; there is {known}.")

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """A model that was trained meanwhile."""
        self.checkpoints.append(checkpoint)
        self.workers.add_model(checkpoint.folder)

    def answers(
        self,
        video: str | Path | None,
        gaze: str | Path | None,
        participant: str | None = None,
        model: str | None = None,
        pictures: bool = True,
        names: tuple[str, str] = ("", ""),
        keep: bool = False,
    ) -> Iterator[Reply]:
        """From uploaded files: the numbers, then with `pictures` the same once more. The files are deleted before the first.

        `names`: what the visitor calls them, where the paths do not say. `keep`: the files stay where the reply is
        `mendable`, so that they can be asked about once more.
        """
        kept = False
        try:
            if video is None and gaze is None:
                raise EmertInputError(_NOTHING)
            request = Request(
                self.checkpoint(model).folder,
                self.uploads.claim(video),
                self.uploads.claim(gaze),
                (participant or "").strip() or None,
                pictures,
                visible_name(names[0] or video or ""),
                visible_name(names[1] or gaze or ""),
            )
            replies = self.workers.replies(request)
            first = next(replies)
            kept = keep and first.mendable
        except EmertInputError as error:
            replies, first = iter(()), Reply(refusal=str(error))
        finally:
            (self.uploads.release if kept else self.uploads.delete)([video, gaze])
        yield self._finish(first, model)
        for reply in replies:
            yield self._finish(reply, model)

    def answers_of_example(self, example: Example, model: str | None) -> Iterator[Reply]:
        """As [`answers`], from one of our own examples, whose files stay."""
        try:
            request = Request(self.checkpoint(model).folder, *self.examples.of(example), example=True)
        except EmertInputError as error:
            yield self._finish(Reply(refusal=str(error)), model)
            return
        for reply in self.workers.replies(request):
            yield self._finish(reply, model)

    def answer_batch(self, files: Sequence[str | Path], model: str | None) -> Iterator[tuple[int, list[dict], str]]:
        """Number of recordings, the rows so far, and which files were left out, in words; after each recording.

        Raises `EmertInputError` before the first.
        """
        folder = Path(tempfile.mkdtemp(prefix="batch-"))  # not among the uploads, which are swept
        try:
            chosen, rows = self.checkpoint(model), []
            pairs, note = self._pairs(files, folder)
            yield len(pairs), rows, note
            for row in answer_pairs(pairs, lambda pair: self._ask_pair(chosen, pair)):
                rows.append(row)
                yield len(pairs), rows, note
        except EmertInputError as error:
            log.warning("refused a batch: %r", str(error))
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self.uploads.delete(files)

    def _pairs(self, files: Sequence[str | Path], folder: Path) -> tuple[list[Pair], str]:
        named: list[tuple[str, Path]] = []
        for number, given in enumerate(files):
            path = self.uploads.claim(given)
            assert path is not None
            if path.suffix.lower() == ".zip":
                target = folder / str(number)
                target.mkdir()
                named += unpack(path, target)
            else:
                named.append((own_name(path), path))
        recorded, others = sort_out(named)
        note = left_out_words(others)
        if not recorded and note:
            raise EmertInputError(f"There is neither a video nor a gaze file in this batch; {note}")
        return pair_up(recorded), note

    def _ask_pair(self, checkpoint: Checkpoint, pair: Pair) -> Reply:
        names = {"video_name": pair.video_name, "gaze_name": pair.gaze_name}
        reply = self.workers.ask(Request(checkpoint.folder, pair.video, pair.gaze, pictures=False, **names))
        return self._finish(reply, checkpoint.name)

    def _finish(self, reply: Reply, model: str | None) -> Reply:
        """With the model's name and training data in the answer; a refusal leaves a line in the log."""
        if reply.answer is None:
            log.warning("refused: %r", reply.refusal)
            return reply
        chosen = self.checkpoint(model)
        return replace(reply, answer=reply.answer | {"model": chosen.name, "trained_on": chosen.data})
