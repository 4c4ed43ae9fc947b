"""Frames from video files: the right ones, upright, with their times; what is no video is refused by name."""

import multiprocessing
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from drawn_people import write_video
from sound_file import sound_only

from modeling_emert import EmertInputError, EmertProcessor, video_emert
from modeling_emert.video_emert import read_frames

WIDTH, HEIGHT, RATE = 96, 64, 25
WHITE_CORNER = 24  # pixels


def _numbered(count: int) -> np.ndarray:
    """Frames whose grey says which they are."""
    return np.stack([np.full((HEIGHT, WIDTH, 3), 40 + 6 * index, np.uint8) for index in range(count)])


def _numbers(frames: np.ndarray) -> list[int]:
    return [round((float(frame.mean()) - 40) / 6) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "live"), [("clip.mp4", "libx264", False), ("clip.webm", "libvpx", False), ("live.webm", "libvpx", True)]
)
def test_frames_are_spread_from_first_to_last(tmp_path, name, codec, live):
    path = write_video(tmp_path / name, _numbered(30), codec, live=live)
    if name.endswith("webm"):
        with av.open(str(path)) as container:
            assert container.streams.video[0].frames == 0  # no count in the header
    frames, times = read_frames(path, 8)
    assert frames.shape == (8, HEIGHT, WIDTH, 3)
    assert frames.dtype == np.uint8
    expected = np.linspace(0, 29, 8).round()
    assert _numbers(frames) == expected.tolist()
    np.testing.assert_allclose(times, expected * 1000 / RATE, atol=1.0)


def _moving(count: int) -> np.ndarray:
    """A square on its way over noise that flickers, so that frames are made of others and differ from all of them."""
    noise = np.random.default_rng(0).integers(0, 60, (count, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(count):
        noise[index, 20:40, index : index + 20] = 220
    return noise


@pytest.mark.parametrize(
    ("name", "codec", "sure"),
    [("a.mp4", "libx264", True), ("a.webm", "libvpx-vp9", True), ("a.mkv", "libx265", True), ("a.avi", "mpeg4", False)],
)
def test_frames_that_are_not_wanted_are_skipped_without_changing_a_pixel(tmp_path, monkeypatch, name, codec, sure):
    """`sure`: the container tells when each frame is to be shown; else all frames are decoded and counted."""
    path = write_video(tmp_path / name, _moving(60), codec)
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if sure:
        monkeypatch.setattr(video_emert, "_decode_numbers", lambda *_: pytest.fail("decoded every frame"))
    frames, times = read_frames(path, 8)
    wanted = np.linspace(0, 59, 8).round().astype(int)
    np.testing.assert_array_equal(frames, np.stack(every)[wanted])
    np.testing.assert_allclose(times, wanted * 1000 / RATE, atol=1.0)


def test_frames_that_the_edit_list_cuts_off_are_not_read(tmp_path):
    """It starts the clip later: its first packets are decoded, but no player shows them."""
    path = write_video(tmp_path / "a.mp4", _numbered(30))
    content = path.read_bytes()
    place = content.index(b"elst") + 16  # behind flags, count and duration: where in the media it starts
    (start,) = struct.unpack(">i", content[place : place + 4])
    with av.open(str(path)) as container:
        step = round(1 / RATE / container.streams.video[0].time_base)
    path.write_bytes(content[:place] + struct.pack(">i", start + 10 * step) + content[place + 4 :])
    frames, times = read_frames(path, 8)
    with av.open(str(path)) as container:
        shown = _numbers(np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]))
    assert len(shown) == 20
    wanted = np.linspace(0, 19, 8).round().astype(int)
    assert _numbers(frames) == [shown[index] for index in wanted]
    np.testing.assert_allclose(times, wanted * 1000 / RATE, atol=1.0)


@pytest.mark.parametrize(
    ("pixel", "width"),
    [
        (Fraction(2), 2 * WIDTH),
        (Fraction(3, 4), 72),
        (Fraction(100, 101), WIDTH),
        (Fraction(9), WIDTH),
    ],
    ids=["anamorphic", "narrow", "rounding", "impossible"],
)
def test_pixels_that_are_no_squares_are_stretched(tmp_path, pixel, width):
    pictures = np.zeros((3, HEIGHT, WIDTH, 3), np.uint8)
    pictures[:, :, : WIDTH // 2] = 255
    frames, _ = read_frames(write_video(tmp_path / "a.mp4", pictures, pixel=pixel), 3)
    assert frames.shape == (3, HEIGHT, width, 3)
    assert (frames[0] > 128).mean() == pytest.approx(0.5, abs=0.02)


def _write_streams(path: Path, streams: dict[str, tuple[str, np.ndarray]], attached: str | None = None) -> Path:
    """By name the codec and the frames; `attached` is marked as a cover picture."""
    with av.open(str(path), "w") as container:
        opened = {}
        for name, (codec, frames) in streams.items():
            stream = opened[name] = container.add_stream(codec, rate=RATE)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if name == attached:
                stream.disposition = Disposition.attached_pic.value  # PyAV 14 takes numbers alone
        for name, (_, frames) in streams.items():
            for frame in frames:
                container.mux(opened[name].encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(opened[name].encode())
    return path


def test_the_largest_stream_that_is_no_cover_is_read(tmp_path):
    cover, small = np.zeros((1, 4 * HEIGHT, 4 * WIDTH, 3), np.uint8), np.zeros((30, HEIGHT // 2, WIDTH // 2, 3), np.uint8)
    streams = {"cover": ("mjpeg", cover), "small": ("libx264", small), "film": ("libx264", _numbered(30))}
    frames, _ = read_frames(_write_streams(tmp_path / "a.mkv", streams), 8)
    assert _numbers(frames) == np.linspace(0, 29, 8).round().tolist()


def test_a_cover_alone_is_no_video(tmp_path):
    path = _write_streams(tmp_path / "song.mp4", {"cover": ("mjpeg", np.zeros((1, 64, 64, 3), np.uint8))}, attached="cover")
    with pytest.raises(EmertInputError, match=r"song\.mp4: holds no video stream, only picture"):
        read_frames(path, 8)


def test_short_clip_gives_each_frame_once(tmp_path):
    frames, times = read_frames(write_video(tmp_path / "short.mp4", _numbered(3)), 8)
    assert _numbers(frames) == [0, 1, 2]
    np.testing.assert_allclose(times, [0, 40, 80])


def test_cut_file_gives_the_frames_before_the_cut(tmp_path):
    path = write_video(
        tmp_path / "cut.webm", np.random.default_rng(0).integers(0, 255, (30, HEIGHT, WIDTH, 3), np.uint8), "libvpx"
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    frames, times = read_frames(path, 8)
    assert len(frames) == 8
    assert (np.diff(times) > 0).all()


def test_large_frames_are_scaled_down(tmp_path):
    frames, _ = read_frames(write_video(tmp_path / "large.mp4", np.zeros((2, 960, 1600, 3), np.uint8)), 2)
    assert frames.shape == (2, 768, 1280, 3)


@pytest.mark.parametrize(
    ("matrix", "shape", "corner"),
    [
        ((0, 1, -1, 0), (WIDTH, HEIGHT), (0, -1)),  # a quarter turn clockwise: the top left comes to the top right
        ((-1, 0, 0, -1), (HEIGHT, WIDTH), (-1, -1)),
        ((0, -1, 1, 0), (WIDTH, HEIGHT), (-1, 0)),
        ((-1, 0, 0, 1), (HEIGHT, WIDTH), (0, -1)),  # as a front camera's mirror
        ((1, 0, 0, -1), (HEIGHT, WIDTH), (-1, 0)),
        ((0, 1, 1, 0), (WIDTH, HEIGHT), (0, 0)),
        ((0, -1, -1, 0), (WIDTH, HEIGHT), (-1, -1)),
    ],
    ids=["90", "180", "270", "left-right", "top-bottom", "diagonal", "other-diagonal"],
)
def test_rotated_video_stands_upright(tmp_path, matrix, shape, corner):
    pictures = np.zeros((3, HEIGHT, WIDTH, 3), np.uint8)
    pictures[:, :WHITE_CORNER, :WHITE_CORNER] = 255
    path = write_video(tmp_path / "turned.mp4", pictures)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44  # the matrix of the track's header, 16.16 fixed point
    a, b, c, d = (value * 0x10000 for value in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    frames, _ = read_frames(path, 3)
    assert frames.shape == (3, *shape, 3)
    light = frames[0].mean(axis=2) > 128
    assert light[corner]
    assert light.sum() == pytest.approx(WHITE_CORNER**2, rel=0.1)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("text.mp4", lambda path: path.write_text("no video at all\n" * 100), "not a video that FFmpeg can read"),
        ("empty.mp4", lambda path: path.touch(), "is empty"),
        ("absent.mp4", lambda path: None, "no such video file"),
        ("folder.mp4", lambda path: path.mkdir(), "no such video file"),
        ("audio.mp4", sound_only, "holds no video stream, only audio"),
        ("picture.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200)), "not a picture that can be read"),
    ],
)
def test_what_is_no_video_is_refused_by_name(tmp_path, name, make, reason):
    make(tmp_path / name)
    with pytest.raises(EmertInputError, match=rf"{name}: .*{reason}"):
        read_frames(tmp_path / name, 8)
    with pytest.raises(EmertInputError, match=name):
        EmertProcessor().load(video=tmp_path / name)


@pytest.mark.parametrize(
    ("name", "playlist"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile other.ts\n"),
    ],
)
def test_playlist_that_names_another_file_is_not_followed(tmp_path, name, playlist):
    write_video(tmp_path / "other.ts", _numbered(5))
    (tmp_path / name).write_text(playlist)
    with av.open(str(tmp_path / name)) as container:  # FFmpeg itself would follow it
        assert len(list(container.decode(video=0))) == 5
    with pytest.raises(EmertInputError, match=f"{name}: not a video"):
        read_frames(tmp_path / name, 3)


def test_too_long_video_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", _numbered(30))
    monkeypatch.setattr("modeling_emert.video_emert.MAX_SECONDS", 1)
    with pytest.raises(EmertInputError, match=r"long\.mp4: longer than 1 s"):
        read_frames(path, 3)


def test_a_process_that_is_forked_after_a_video_was_read_reads_one_too(tmp_path):
    """As `datasets.map(num_proc=2)` and the workers of a DataLoader do on Linux."""
    write_video(tmp_path / "a.mp4", _numbered(6))
    expected = read_frames(tmp_path / "a.mp4", 3)[0]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(read_frames, (tmp_path / "a.mp4", 3)).get(timeout=60)[0]
    np.testing.assert_array_equal(found, expected)
