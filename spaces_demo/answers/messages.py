"""What the page and the worker processes say to each other: plain data only, since it crosses processes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One recording to answer from; `video`, `gaze` or both.

    - `model`: folder of the checkpoint. `participant`: whose gaze, where the file holds several people's.
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


@dataclass(frozen=True)
class Reply:
    """Either `refusal`, one sentence for the visitor, or `answer` (plain JSON, see `worker.answer_recording`) and `pictures`.

    - `pictures`: by name an SVG, or for `crops` several PNGs as data URLs.
    - `wrong`: what of the question has to be given anew, `video`, `gaze` or `participant`; the rest of it is right. None where
      that is not known, or where all is right.
    - `more`: the same answer follows with all its pictures, which take longer than the numbers.
    """

    answer: dict | None = None
    pictures: dict | None = None
    refusal: str | None = None
    wrong: str | None = None
    more: bool = False

    def keeps(self, part: str) -> bool:
        """Whether the file `video` or `gaze` is right though there is no answer, so that it need not be sent again."""
        return self.wrong not in (None, part)
