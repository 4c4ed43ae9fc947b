"""Frames evenly spread over a video file, decoded by PyAV in two sequential passes.

Neither the frame count nor the duration in a header is reliable (a webcam's webm has neither), so the first pass lists the
packets without decoding them, and the second decodes in order and keeps the wanted frames. Frames that no other frame refers
to are decoded only if wanted, which saves a third of the time.
"""

import io
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from .errors_emert import EmertInputError
from .image_emert import is_image, read_image

MAX_SECONDS = 3600  # of video
MAX_FRAMES = 500_000
MAX_PIXELS = 8192 * 4352
MAX_DECODING_SECONDS = 120  # of wall-clock time
LONGEST_SIDE = 1280  # a face crop of 112 pixels needs no more, and 32 frames stay under 100 MB

# Containers that hold the video itself. No playlists (hls, concat, dash): they name other files, and a malicious one would
# make FFmpeg read them.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,wmv"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


@dataclass(frozen=True)
class _Clip:
    """A file or its bytes; `name` is for messages."""

    content: Path | bytes
    name: str

    @classmethod
    def of(cls, video: str | Path | bytes) -> "_Clip":
        """Raises `EmertInputError` if there is no such file, or it is empty."""
        if isinstance(video, bytes):
            clip, size = cls(video, f"video of {len(video)} bytes"), len(video)
        else:
            check_video_file(video)
            clip, size = cls(Path(video), Path(video).name), Path(video).stat().st_size
        if size == 0:
            raise EmertInputError(f"{clip.name}: the video file is empty (0 bytes)")
        return clip

    def open(self) -> "av.container.InputContainer":
        file = io.BytesIO(self.content) if isinstance(self.content, bytes) else str(self.content)
        return av.open(file, options=_OPTIONS)


# Pixels `(height, width, 3)` uint8 RGB, upright, at most `LONGEST_SIDE` long; and its time in s.
_Picture = tuple[np.ndarray, float]


class _FrameConverter:
    """Converts frames to pictures, all of the first one's size, within the time limit."""

    def __init__(self, clip: _Clip):
        self._name, self._deadline = clip.name, time.monotonic() + MAX_DECODING_SECONDS
        self._size: tuple[int, int] | None = None

    def check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise EmertInputError(f"{self._name}: decoding took over {MAX_DECODING_SECONDS} s; shorten the video")

    def take(self, frame: "av.VideoFrame", seconds: float) -> _Picture:
        if self._size is None:
            scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
            self._size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
        pixels = frame.reformat(*self._size, format="rgb24").to_ndarray()
        return np.rot90(pixels, round(frame.rotation / 90) % 4), seconds


def check_video_file(path: str | Path) -> None:
    """Raises `EmertInputError` if there is no such file."""
    if not Path(path).is_file():
        raise EmertInputError(f"{path}: no such video file")


def read_frames(video: str | Path | bytes, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` frames evenly spread over the clip (a file, or its bytes), from the first to the last; of a photograph itself.

    Returns:
        frames `(frames, height, width, 3)` uint8 RGB, upright, the longest side at most 1280 pixels;
        times `(frames,)` float32 in ms from the first frame. A clip with fewer frames gives each once.

    Raises:
        EmertInputError: no such file, not a video, without pictures, too long, too large, or too slow to decode.
    """
    clip = _Clip.of(video)
    if is_image(video):
        return read_image(video)[None], np.zeros(1, np.float32)
    try:
        moments = _packet_moments(clip)
        wanted = np.unique(np.linspace(0, len(moments) - 1, count).round().astype(int))
        pictures = _decode_moments(clip, _chosen(moments, wanted)) or _decode_numbers(clip, set(wanted.tolist()))
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EmertInputError(f"{clip.name}: not a video that FFmpeg can read ({reason})") from error
    if not pictures:
        raise EmertInputError(f"{clip.name}: no picture could be decoded from this video")
    pixels, seconds = zip(*pictures, strict=True)
    return np.stack(pixels), np.asarray([(moment - seconds[0]) * 1000 for moment in seconds], np.float32)


def _open_stream(clip: _Clip, container: "av.container.InputContainer") -> "av.VideoStream":
    if not container.streams.video:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise EmertInputError(f"{clip.name}: holds no video stream, only {kinds}")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise EmertInputError(f"{clip.name}: {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are read")
    return stream


def _packet_moments(clip: _Clip) -> list[int | None]:
    """Presentation time of each packet with data, in the stream's unit, unsorted; reads the file without decoding it."""
    moments: list[int | None] = []
    first: float | None = None
    with clip.open() as container:
        stream = _open_stream(clip, container)
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            moments.append(packet.pts)
            known = packet.pts if packet.pts is not None else packet.dts
            seconds = 0.0 if known is None else float(known * stream.time_base)
            first = seconds if first is None else first
            if len(moments) > MAX_FRAMES or seconds - first > MAX_SECONDS:
                raise EmertInputError(f"{clip.name}: longer than {MAX_SECONDS} s or {MAX_FRAMES:,} frames; cut it shorter")
    if not moments:
        raise EmertInputError(f"{clip.name}: the video stream holds no frames")
    return moments


def _chosen(moments: list[int | None], wanted: np.ndarray) -> set[int]:
    """Presentation times of the frames with these numbers; empty if two frames have the same time or one has none."""
    known = sorted(moment for moment in moments if moment is not None)
    return {known[number] for number in wanted} if len(set(known)) == len(moments) else set()


def _decode_moments(clip: _Clip, wanted: set[int]) -> list[_Picture]:
    """The frames with these presentation times, in order; empty if one of them can't be decoded."""
    if not wanted:
        return []
    found: dict[int, _Picture] = {}
    converter = _FrameConverter(clip)
    with clip.open() as container:
        stream = _open_stream(clip, container)
        for packet in container.demux(stream):
            needed = packet.pts is None or packet.pts in wanted
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
            converter.check_time()
            for frame in packet.decode():
                if frame.pts in wanted:
                    found[frame.pts] = converter.take(frame, float(frame.pts * stream.time_base))
            if len(found) == len(wanted):
                break
    return [found[moment] for moment in sorted(found)] if len(found) == len(wanted) else []


def _decode_numbers(clip: _Clip, wanted: set[int]) -> list[_Picture]:
    """The frames with these numbers, counted while decoding, which is in order of presentation.

    If the last packets can't be decoded, the frames before them are returned.
    """
    pictures: list[_Picture] = []
    converter, last = _FrameConverter(clip), max(wanted)
    with clip.open() as container:
        for number, frame in enumerate(container.decode(_open_stream(clip, container))):
            converter.check_time()
            if number in wanted:
                pictures.append(converter.take(frame, float(frame.time) if frame.time is not None else number / 30))
            if number >= last:
                break
    return pictures
