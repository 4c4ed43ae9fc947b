"""Frames evenly spread over a video file, decoded by PyAV in two sequential passes.

Neither the frame count nor the duration in a header is reliable (a webcam's webm has neither), so the first pass lists the
packets without decoding them, and the second decodes in order and keeps the wanted frames. Frames that no other frame refers
to are decoded only if wanted, which saves a third of the time. A video is read as a player shows it: upright, in its pixel
aspect ratio, without the frames that its edit list cuts off, and not its cover picture.
"""

import gc
import io
import math
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from .errors_emert import EmertInputError
from .image_emert import is_image, read_image
from .sampling_emert import spread_evenly

MAX_SECONDS = 3600  # of video
MAX_FRAMES = 500_000
MAX_PIXELS = 8192 * 4352
MAX_DECODING_SECONDS = 120  # of wall-clock time
MOST_FRAMES = 128  # kept at a time, about 350 MB of the largest
SQUARE, WIDEST = 1.02, 4.0  # aspect ratios of a pixel: up to the first it is a rounding error, beyond the second a wrong header
FEW_FRAMES = 0.1  # of those of the longest stream; a stream with fewer is a cover picture or a preview
_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails
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

    def __init__(self, clip: _Clip, stream: "av.VideoStream"):
        self._name, self._deadline = clip.name, time.monotonic() + MAX_DECODING_SECONDS
        self._pixel = float(stream.sample_aspect_ratio or 1)  # its width over its height
        self._size: tuple[int, int] | None = None
        # PyAV 19's own, which all frames share, has threads: a process that is forked later would wait for them for ever.
        self._reformatter = VideoReformatter()

    def check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise EmertInputError(f"{self._name}: decoding took over {MAX_DECODING_SECONDS} s; shorten the video")

    def take(self, frame: "av.VideoFrame", seconds: float) -> _Picture:
        if self._size is None:
            squeezed = SQUARE < max(self._pixel, 1 / self._pixel) <= WIDEST
            width, height = frame.width * (self._pixel if squeezed else 1), frame.height
            scale = min(1.0, LONGEST_SIDE / max(width, height))
            self._size = max(2, round(width * scale)), max(2, round(height * scale))
        return _upright(self._reformatter.reformat(frame, *self._size, "rgb24").to_ndarray(), frame), seconds


def _upright(pixels: np.ndarray, frame: "av.VideoFrame") -> np.ndarray:
    """Turned by quarters and mirrored as the frame's display matrix says: x' = a x + c y, y' = b x + d y."""
    matrix = frame.side_data.get(SideData.DISPLAYMATRIX)
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(float)
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def check_video_file(path: str | Path) -> None:
    """Raises `EmertInputError` if there is no such file."""
    if not Path(path).is_file():
        raise EmertInputError(f"{path}: no such video file; correct its path")


def read_frames(video: str | Path | bytes, count: int, per_second: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """`count` frames evenly spread over the clip (a file, or its bytes), from the first to the last; of a photograph itself.

    With `per_second` there are more, at least so many in a second, `MOST_FRAMES` in all; every k-th is one of the `count`.

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
        index, moments, unit = _choose_stream(clip)
        count = _denser(count, moments, unit, per_second)
        wanted = np.unique(spread_evenly(len(moments), count))
        pictures = _decode_moments(clip, index, _chosen(moments, wanted))
        if not pictures:
            pictures, shown = _decode_numbers(clip, index, wanted)
            if len(pictures) < len(wanted):  # some packets can't be decoded
                pictures, _ = _decode_numbers(clip, index, np.unique(spread_evenly(shown, count)))
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EmertInputError(
            f"{clip.name}: not a video that FFmpeg can read ({reason}); give another file, or convert it to mp4"
        ) from error
    if not pictures:
        raise EmertInputError(f"{clip.name}: no picture could be decoded from this video")
    # A frame whose side data was read refers to itself; freed later, in a process forked from this one, it would wait for ever
    # for the decoder's threads, which are not there.
    gc.collect(1)
    pixels, seconds = zip(*pictures, strict=True)
    return np.stack(pixels), np.asarray([(moment - seconds[0]) * 1000 for moment in seconds], np.float32)


def _denser(count: int, moments: list[int | None], unit: float, per_second: float) -> int:
    """The least `k * (count - 1) + 1` that gives `per_second` frames, `unit` being the moments' in s."""
    known = [moment for moment in moments if moment is not None]
    if count < 2 or len(known) < 2:
        return count
    needed = min((max(known) - min(known)) * unit * per_second + 1, MOST_FRAMES)
    return max(math.ceil((needed - 1) / (count - 1)), 1) * (count - 1) + 1


def _open_stream(container: "av.container.InputContainer", index: int) -> "av.VideoStream":
    stream = container.streams[index]
    stream.thread_type = "AUTO"
    return stream


def _choose_stream(clip: _Clip) -> tuple[int, list[int | None], float]:
    """Number of the largest video stream that is no cover picture, and the presentation time of each of its packets that is
    shown, in the stream's unit, unsorted; that unit in s. Reads the file without decoding it.
    """
    with clip.open() as container:
        streams = {stream.index: stream for stream in container.streams.video if not stream.disposition & _PICTURES}
        if not streams:
            kinds = {"picture" if stream.type == "video" else stream.type for stream in container.streams}
            raise EmertInputError(f"{clip.name}: holds no video stream, only {', '.join(sorted(kinds)) or 'nothing'}")
        moments: dict[int, list[int | None]] = {index: [] for index in streams}
        firsts: dict[int, float] = {}
        for packet in container.demux(list(streams.values())):
            if packet.size == 0 or packet.is_discard:  # discarded: outside the edit list, only decoded for the frames after it
                continue
            own, stream = moments[packet.stream_index], streams[packet.stream_index]
            own.append(packet.pts)
            known = packet.pts if packet.pts is not None else packet.dts
            seconds = 0.0 if known is None else float(known * stream.time_base)
            first = firsts.setdefault(packet.stream_index, seconds)
            if len(own) > MAX_FRAMES or seconds - first > MAX_SECONDS:
                raise EmertInputError(f"{clip.name}: longer than {MAX_SECONDS} s or {MAX_FRAMES:,} frames; cut it shorter")
        most = max(map(len, moments.values()))
        if most == 0:
            raise EmertInputError(f"{clip.name}: the video stream holds no frames")
        sizes = {index: stream.codec_context.width * stream.codec_context.height for index, stream in streams.items()}
        chosen = max((index for index in streams if len(moments[index]) >= FEW_FRAMES * most), key=lambda index: sizes[index])
        if sizes[chosen] > MAX_PIXELS:
            width, height = streams[chosen].codec_context.width, streams[chosen].codec_context.height
            raise EmertInputError(f"{clip.name}: {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are read")
        return chosen, moments[chosen], float(streams[chosen].time_base)


def _chosen(moments: list[int | None], wanted: np.ndarray) -> set[int]:
    """Presentation times of the frames with these numbers; empty if two frames have the same time or one has none."""
    known = sorted(moment for moment in moments if moment is not None)
    return {known[number] for number in wanted} if len(set(known)) == len(moments) else set()


def _decode_moments(clip: _Clip, index: int, wanted: set[int]) -> list[_Picture]:
    """The frames with these presentation times, in order; empty if one of them can't be decoded."""
    if not wanted:
        return []
    found: dict[int, _Picture] = {}
    with clip.open() as container:
        stream = _open_stream(container, index)
        converter = _FrameConverter(clip, stream)
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


def _decode_numbers(clip: _Clip, index: int, wanted: np.ndarray) -> tuple[list[_Picture], int]:
    """The frames with these numbers, counted while decoding, which is in order of presentation; and how many were decoded.

    If the last packets can't be decoded, the frames before them are returned.
    """
    pictures: list[_Picture] = []
    numbers, number = set(wanted.tolist()), -1
    with clip.open() as container:
        stream = _open_stream(container, index)
        converter = _FrameConverter(clip, stream)
        for number, frame in enumerate(container.decode(stream)):
            converter.check_time()
            if number in numbers:
                pictures.append(converter.take(frame, float(frame.time) if frame.time is not None else number / 30))
            if number >= wanted[-1]:
                break
    return pictures, number + 1
