"""Pictures of recordings: there, of a sane size, not blank, and never outside of their folder."""

from io import BytesIO

import numpy as np
import pytest
from everyday import others_slow
from PIL import Image

from dataset_scripts.inspection.find_recordings import Found
from dataset_scripts.inspection.quality import measure
from dataset_scripts.pictures import style
from dataset_scripts.pictures.recording_picture import PictureFolder, recording_png
from dataset_scripts.pictures.style import DARK, LIGHT, drawing, dress, png_of, printable
from dataset_scripts.pictures.time_series import draw_gaze, draw_pupils, view_limits
from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze, Recording

HOSTILE = ["../../evil", "/etc/passwd", "..", "", "$\\frac{1}{0}", "a\nb\x00c", "中文", "x" * 500, "con.png/../../y", ".hidden"]


def gaze_of(fixations=True, samples=True, pupil=True) -> Gaze:
    times = np.arange(0, 2000, 20.0)
    values = np.full((100, NUM_COLUMNS), np.nan)
    for name in ("gaze_x", "gaze_y"):
        values[:, COLUMN_INDEX[name]] = 0.5 + 0.2 * np.sin(times / 200)
    if pupil:
        values[:, COLUMN_INDEX["pupil_left"]] = 3 + 0.1 * np.cos(times / 100)
    values[40:50] = np.nan
    rows = [(0.3, 0.4, 0, 300), (0.6, 0.4, 400, 500), (1.4, 0.2, 1000, 200)]
    return Gaze(values if samples else None, times if samples else None, rows if fixations else None)


def face_of(found=(True, False, True)) -> FaceTrack:
    return FaceTrack(np.full((len(found), 32, 32, 3), 90, np.uint8), np.linspace(0, 2000, len(found)), list(found))


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    """A third of the usual dots: pictures are as they are, and drawn sooner."""
    monkeypatch.setattr(style, "DOTS_PER_INCH", 48)


def picture(recording: Recording, look=LIGHT) -> Image.Image | None:
    found = Found("r1", "p1", "s1", {"er7": "fear", "fer_valence": -0.5}, recording)
    png = recording_png(found, measure(recording.gaze), look)
    return None if png is None else Image.open(BytesIO(png))


FRAME = np.zeros((90, 160, 3), np.uint8)
PARTS = {
    "all": Recording(face_of(), gaze_of(), stimulus_frame=FRAME),
    "no face": Recording(gaze=gaze_of()),
    "no pupil": Recording(face_of(), gaze_of(pupil=False)),
    "no fixations": Recording(gaze=gaze_of(fixations=False)),
    "fixations only": Recording(gaze=gaze_of(samples=False)),
    "face only": Recording(face_of()),
    "one face": Recording(face_of((True,))),
    "no fixation in the list": Recording(face_of(), Gaze(fixations=np.zeros((0, 4)))),
    "one sample": Recording(gaze=Gaze(np.full((1, NUM_COLUMNS), 0.5), [0])),
    "far away": Recording(gaze=Gaze(np.full((9, NUM_COLUMNS), 1e6), np.arange(9) * 20.0, [(1e9, -1e9, 0, 1e9)])),
    "no numbers": Recording(gaze=Gaze(fixations=[(np.nan, 0.5, 0, 100), (0.5, 0.5, 0, np.inf), (0.4, 0.4, 100, 300)])),
    "infinite": Recording(face_of(), Gaze(np.full((9, NUM_COLUMNS), np.inf), np.arange(9) * 20.0)),
    "tall frame": Recording(gaze=gaze_of(), stimulus_frame=FRAME.swapaxes(0, 1).copy()),
}


@pytest.mark.parametrize("part", others_slow(PARTS, ["all", "fixations only", "one face", "infinite", "tall frame"]))
def test_a_picture_shows_what_there_is_and_nothing_is_blank(part):
    image = picture(PARTS[part])
    assert image.width == 480
    assert 50 < image.height < 570
    pixels = np.asarray(image.convert("RGB"))
    drawn = (pixels != 255).any(axis=2)
    assert drawn.mean() > 0.005
    # Nothing runs over the edges.
    assert not drawn[[0, -1]].any()
    assert not drawn[:, [0, -1]].any()


def test_the_layout_shrinks_with_what_is_absent():
    faces, fixations, eyes = (picture(PARTS[part]).height for part in ("face only", "fixations only", "no face"))
    assert faces < fixations < eyes


def drawn(draw, gaze: Gaze) -> tuple[str, list[str]]:
    """Title of a panel, and what its legend names."""
    with drawing(3, 2, LIGHT) as figure:
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        draw(axes, gaze, LIGHT)
        return axes.get_title(loc="left"), axes.get_legend_handles_labels()[1]


def test_blinks_are_drawn_once_beside_the_pupils_or_where_there_are_none():
    title, legend = drawn(draw_pupils, gaze_of())
    assert "1 blink, from gaps in the pupil" in title
    assert "blink" in legend
    assert "blink" not in drawn(draw_gaze, gaze_of())[1]
    title, legend = drawn(draw_gaze, gaze_of(pupil=False))
    assert "1 blink, from gaps in the gaze" in title
    assert "blink" in legend


def test_fixations_alone_name_the_frame_of_their_coordinates():
    gaze = gaze_of(samples=False)
    assert drawn(draw_gaze, gaze)[0].startswith("Gaze, normalised to the stimulus")
    assert gaze.notes == []
    gaze = Gaze(fixations=gaze.fixations, fixations_on_screen=True)
    assert drawn(draw_gaze, gaze)[0].startswith("Gaze, normalised to the screen")
    assert "where the stimulus was" in gaze.notes[0]


def test_nothing_to_draw_gives_no_picture():
    action_units = ActionUnits(np.zeros((3, 17)), [0, 1, 2])
    blind = Gaze(np.full((5, NUM_COLUMNS), np.nan), np.arange(5))
    for recording in (Recording(), Recording(action_units=action_units), Recording(gaze=blind)):
        assert picture(recording) is None


def test_the_same_recording_gives_the_same_bytes_and_styles_differ():
    found = Found("r1", recording=PARTS["all"])
    light = recording_png(found, measure(found.recording.gaze), LIGHT)
    assert light == recording_png(found, measure(found.recording.gaze), LIGHT)
    dark = picture(PARTS["all"], look=DARK).convert("L")
    assert np.median(np.asarray(dark)) < 60
    assert np.median(np.asarray(Image.open(BytesIO(light)).convert("L"))) > 200


def test_hostile_names_stay_in_the_folder_and_apart(tmp_path):
    folder = PictureFolder(tmp_path / "a" / "pictures")
    found = [Found(name, name, name, recording=PARTS["face only"]) for name in [*HOSTILE, "R1", "r1", "r1"]]
    written = [folder.write(one, measure(None)) for one in found]
    assert len({path.name.lower() for path in written}) == len(found)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(written)
    assert all(path.parent == tmp_path / "a" / "pictures" for path in written)
    assert all(len(path.name) < 100 and not path.name.startswith(".") for path in written)


def test_a_picture_of_before_is_replaced_and_a_link_is_not_followed(tmp_path):
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "r1.png").symlink_to(outside)
    PictureFolder(tmp_path / "pictures").write(Found("r1", recording=PARTS["face only"]), measure(None))
    assert outside.read_text() == "mine"
    assert (tmp_path / "pictures" / "r1.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["r1.png"]


def test_the_view_ends_a_quarter_beyond_the_screen():
    low, high, beyond = view_limits(np.array([[0.5, 0.5], [0.2, 1.1], [np.nan, 0.5]]))
    assert (low, high, beyond) == (pytest.approx(-0.03), pytest.approx(1.13), 0)
    assert view_limits(np.array([[-22.0, 0.5], [35.0, 0.5], [0.5, 0.5], [0.6, 0.5]])) == (
        pytest.approx(-0.28),
        pytest.approx(1.28),
        0.5,
    )


def test_words_of_others_are_printable():
    assert printable("a\nb\t c\x07 中 é") == "a b c? ? é"
    assert printable("x" * 500, longest=10) == "x" * 9 + "…"


def test_a_drawing_touches_no_state_of_the_process():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with drawing(2, 1, DARK) as figure:
        dress(figure.add_axes((0.2, 0.2, 0.7, 0.7)), DARK)
        assert png_of(figure).startswith(b"\x89PNG")
    assert not figure.axes
    assert dict(matplotlib.rcParams) == before
