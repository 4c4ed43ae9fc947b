"""What the page and the worker processes exchange: plain data only, since it is sent between processes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One recording to answer from; `video`, `gaze` or both.

    - `model`: folder of the checkpoint. `participant`, `stimulus`: whose gaze and of which stimulus (its name, or `#2`), where
      the file holds several recordings.
    - `face`: whose, where the video shows several: see `EmertProcessor.load`.
    - `pictures`: whether to draw; a batch and programs do without.
    - `video_name`, `gaze_name`: what the visitor calls the files, for messages.
    - `example`: whether it is one of ours, whose files the visitor can't change.
    """

    model: Path
    video: Path | None = None
    gaze: Path | None = None
    participant: str | None = None
    pictures: bool = True
    video_name: str = ""
    gaze_name: str = ""
    example: bool = False
    face: str | None = None
    stimulus: str | None = None

    def with_visitors_names(self, sentence: str) -> str:
        """The sentence with the visitor's own file names instead of the paths on this machine."""
        for path, name in ((self.video, self.video_name), (self.gaze, self.gaze_name)):
            if path is not None:
                sentence = sentence.replace(str(path), name or path.name).replace(path.name, name or path.name)
        return sentence

    def wrong_file(self, sentence: str) -> str | None:
        """`video` or `gaze`, where the sentence names that file and not the other."""
        named = [part for part in ("video", "gaze") if (path := getattr(self, part)) is not None and path.name in sentence]
        return named[0] if len(named) == 1 else None


@dataclass(frozen=True)
class Reply:
    """Either `refusal`, one sentence for the visitor, or `answer` (JSON, see `answering.answer_recording`) and `pictures`.

    - `pictures`: by name an SVG, or for `crops` several PNGs as data URLs.
    - `wrong`: the part of the request that has to be given again, `video`, `gaze` or `recording` (which of those in the gaze
      file); the rest can be used.
      None where that is not known, or where all is right.
    - `more`: the same answer follows with all its pictures, which take longer than the numbers.
    """

    answer: dict | None = None
    pictures: dict | None = None
    refusal: str | None = None
    wrong: str | None = None
    more: bool = False

    def keeps(self, part: str) -> bool:
        """Whether the file `video` or `gaze` can be used though there is no answer, so that it need not be sent again."""
        return self.wrong not in (None, part)
