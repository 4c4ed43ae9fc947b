"""Frames spread over a video file, decoded by PyAV in two sequential passes.

Two passes, since neither the frame count nor the duration in a header can be trusted (a webcam's webm has neither): the
first counts the packets without decoding them, the second decodes in order and keeps the frames that are wanted.
"""

import io
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from .errors_emert import EmertInputError

MAX_SECONDS = 3600  # of video
MAX_FRAMES = 500_000
MAX_PIXELS = 8192 * 4352
MAX_DECODING_SECONDS = 120  # of our time
LONGEST_SIDE = 1280  # a face crop of 112 pixels needs no more, and 32 frames stay under 100 MB

# Containers that hold the video itself. Playlists (hls, concat, dash) are left out: they name other files, and a hostile
# one would make FFmpeg read them.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,wmv"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


@dataclass(frozen=True)
class _Clip:
    """A file, or the bytes of one; `name` is what messages call it."""

    content: Path | bytes
    name: str

    @classmethod
    def of(cls, video: str | Path | bytes) -> "_Clip":
        """Raises `EmertInputError` where there is nothing to read."""
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


def check_video_file(path: str | Path) -> None:
    """Raises `EmertInputError` where there is no such file."""
    if not Path(path).is_file():
        raise EmertInputError(f"{path}: no such video file")


def read_frames(video: str | Path | bytes, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` frames spread evenly over the whole clip (a file, or its bytes), the first and the last among them.

    Returns:
        frames `(frames, height, width, 3)` uint8 RGB, upright, the longest side at most 1280 pixels;
        times `(frames,)` float32 in ms from the first frame. A clip with fewer frames gives each of them once.

    Raises:
        EmertInputError: no such file, not a video, no picture in it, too long, too large, or too slow to decode.
    """
    clip = _Clip.of(video)
    try:
        times = _packet_times(clip)
        wanted = np.unique(np.linspace(0, len(times) - 1, count).round().astype(int))
        frames, kept_times = _decode(clip, set(wanted.tolist()))
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise EmertInputError(f"{clip.name}: not a video that FFmpeg can read ({_reason(error)})") from error
    if not frames:
        raise EmertInputError(f"{clip.name}: no picture could be decoded from this video")
    start = kept_times[0]
    return np.stack(frames), np.asarray([(moment - start) * 1000 for moment in kept_times], np.float32)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _open_stream(clip: _Clip, container: "av.container.InputContainer") -> "av.VideoStream":
    if not container.streams.video:
        raise EmertInputError(f"{clip.name}: holds no video stream, only {_stream_kinds(container)}")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise EmertInputError(f"{clip.name}: {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are read")
    return stream


def _stream_kinds(container: "av.container.InputContainer") -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return ", ".join(kinds) or "nothing"


def _packet_times(clip: _Clip) -> list[float]:
    """One time in seconds a packet with data, unsorted; reads the file without decoding it."""
    times: list[float] = []
    with clip.open() as container:
        stream = _open_stream(clip, container)
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            moment = packet.pts if packet.pts is not None else packet.dts
            times.append(float(moment * stream.time_base) if moment is not None else 0.0)
            if len(times) > MAX_FRAMES or max(times[-1] - times[0], 0) > MAX_SECONDS:
                raise EmertInputError(
                    f"{clip.name}: longer than {MAX_SECONDS} s or {MAX_FRAMES:,} frames; cut it to the part that matters"
                )
    if not times:
        raise EmertInputError(f"{clip.name}: the video stream holds no frames")
    return times


def _decode(clip: _Clip, wanted: set[int]) -> tuple[list[np.ndarray], list[float]]:
    """The frames with these numbers in order of presentation, and their times in seconds.

    A clip whose last packets can't be decoded gives the frames before them.
    """
    frames, times = [], []
    deadline = time.monotonic() + MAX_DECODING_SECONDS
    last = max(wanted)
    size: tuple[int, int] | None = None
    with clip.open() as container:
        stream = _open_stream(clip, container)
        for number, frame in enumerate(container.decode(stream)):
            if time.monotonic() > deadline:
                raise EmertInputError(f"{clip.name}: decoding took over {MAX_DECODING_SECONDS} s; shorten the video")
            if number in wanted:
                size = size or _target_size(frame.width, frame.height)
                picture = frame.reformat(*size, format="rgb24").to_ndarray()
                frames.append(np.rot90(picture, round(frame.rotation / 90) % 4))
                times.append(float(frame.time) if frame.time is not None else number / 30)
            if number >= last:
                break
    return frames, times


def _target_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))
