"""A photograph is input where a video is: files, bytes, PIL images, arrays; hostile ones are refused before decoding."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dataset_scripts.generator.face_drawing import face_frames
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from modeling_emert import image_emert
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.image_emert import is_image, read_image
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.video_emert import read_frames

COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)  # corners, told apart


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A drawn face."""
    settings = GeneratorSettings(seconds=1, frames_per_second=2, frame_size=256)
    frames, _ = face_frames(make_truth(settings)[0], np.zeros((0, 2)), np.full((2, 2), 0.5), settings)
    return Image.fromarray(frames[-1])


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners(frame: np.ndarray) -> list[list[int]]:
    """Pure colours at the four corners, read row by row."""
    return [(frame[row, column] > 127).astype(int).tolist() for row in (2, -3) for column in (2, -3)]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_form_gives_a_track_of_one_frame(photo, kind, tmp_path):
    content = encoded(photo, kind)
    (tmp_path / "photo").write_bytes(content)
    processor = EmertProcessor()
    for given in (tmp_path / "photo", str(tmp_path / "photo"), content, photo, np.asarray(photo)):
        for face in (processor.load(image=given).face, processor.load(video=given).face):
            assert face.frames.shape == (1, 112, 112, 3)
            assert face.detected.tolist() == [True]
    frames, times = read_frames(content, 8)
    assert (frames.shape, times.tolist()) == ((1, 256, 256, 3), [0.0])
    assert processor(processor.load(image=content))["pixel_values"].shape[0] == 1


def test_exif_orientation_is_honoured():
    picture = Image.fromarray(COLOURS).resize((200, 200), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    upright = read_image(encoded(picture, "JPEG", exif=exif, quality=95, subsampling=0))
    assert corners(upright) == [[0, 0, 1], [1, 0, 0], [1, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (200, 200), 100), 100),
        (Image.new("LA", (200, 200), (0, 0)), 255),  # transparent: white
        (Image.new("RGBA", (200, 200), (0, 0, 0, 0)), 255),
        (Image.new("1", (200, 200), 1), 255),
        (Image.fromarray(np.full((200, 200), 32768, np.uint16)), 255),  # 16 bits; the brightest pixel is white
    ],
)
def test_grey_alpha_and_deep_pictures(image, expected):
    frame = read_image(encoded(image, "PNG"))
    assert (frame.shape, frame.dtype) == ((200, 200, 3), np.uint8)
    assert frame.min() == frame.max() == expected


def test_the_size_is_brought_within_bounds():
    assert read_image(Image.new("RGB", (48, 48))).shape == (192, 192, 3)
    assert read_image(Image.new("RGB", (2560, 1000))).shape == (500, 1280, 3)


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size and holds nothing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\x10IDAT"


def test_hostile_and_wrong_images_are_refused(photo, tmp_path, monkeypatch):
    def refusal(**given) -> str:
        with pytest.raises(EmertInputError) as refused:
            EmertProcessor().load(**given)
        return str(refused.value)

    assert "pixels" in refusal(image=png_header(60_000, 60_000))
    assert "a picture of 9000 x 9000 pixels" in refusal(video=png_header(9000, 9000))
    assert "no side 50 times the other" in refusal(image=png_header(5000, 10))
    assert "damaged" in refusal(image=encoded(photo, "PNG")[:2000])
    assert "not a picture that can be read" in refusal(image=b"\x89PNG\r\n\x1a\n")
    assert "not a picture that can be read" in refusal(image=encoded(photo, "BMP"))
    assert "is empty" in refusal(image=b"")
    assert "no such image file" in refusal(image=tmp_path / "absent.png")
    assert "(3, 3) float64" in refusal(image=np.zeros((3, 3)))
    assert "given as int" in refusal(image=7)
    assert "a video and an image are given" in refusal(image=photo, video=photo)
    assert "No face was found in the image" in refusal(image=Image.new("RGB", (300, 300)))
    monkeypatch.setattr(image_emert, "MAX_BYTES", 100)
    assert "as no photograph has" in refusal(image=encoded(photo, "PNG"))


def test_videos_and_other_arrays_are_no_images(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    for given in (tmp_path / "clip.mp4", tmp_path / "absent", b"GIF89a", np.zeros((2, 8, 8, 3), np.uint8), None):
        assert not is_image(given)
