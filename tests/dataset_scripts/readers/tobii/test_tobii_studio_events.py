"""Tobii Studio's exports of fixations and of events. All numbers are made up; only the layout is the vendor's."""

import contextlib

import numpy as np
import pytest

from dataset_scripts.readers.text.text_table import read_head
from dataset_scripts.readers.tobii import tobii_pro_lab, tobii_sdk, tobii_studio, tobii_studio_events
from modeling_emert.errors_emert import EmertInputError

PREAMBLE = (
    "Data properties:\n\nRecording time: 10:00:00:000 (corresponds to time 0)\nSubject: P007\n"
    "Screen resolution: 1000 x 500\nCoordinate unit: Pixels\n\n\n"
)
NAMES = ("FixationIndex", "Timestamp", "FixationDuration", "MappedFixationPointX", "MappedFixationPointY")


def export(path, *rows, names=NAMES, preamble=PREAMBLE, encoding="utf-8"):
    lines = ["\t".join((*map(str, row), "")) for row in (names, *rows)]  # Studio ends every row with a tab
    path.write_bytes((preamble + "\n".join([*lines, ""])).encode(encoding))
    return path


def read_all(path):
    head = read_head(path)
    assert not any(reader.find_header(head) for reader in (tobii_studio, tobii_pro_lab, tobii_sdk))
    return tobii_studio_events.read(head, tobii_studio_events.find_header(head))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "Fixation-Data.tsv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_fixations(path, encoding):
    preamble = PREAMBLE.replace("P007", "Zoë")
    rows = (
        (12, 26, 600, 250, 125),
        (13, 700, 90, -1, 250),
        (14, 900, 80, -1, -1),
        (15, 990, 0, 5, 5),
        (16, 1000, 50, 1500, -250),
    )
    (gaze,) = read_all(export(path, *rows, preamble=preamble, encoding=encoding))
    # -1 twice is no point, once it is a place.
    expected = [[0.25, 0.25, 26, 600], [-0.001, 0.5, 700, 90], [1.5, -0.5, 1000, 50]]
    np.testing.assert_allclose(gaze.fixations, expected, rtol=1e-6)
    assert (gaze.participant, gaze.stimulus, gaze.eye_movements, gaze.format) == ("Zoë", None, None, "tobii_studio_events")
    assert any("entire screen" in note for note in gaze.notes)
    assert any("2 of 5 fixations" in note for note in gaze.notes)


def test_without_a_time_zero_the_first_fixation_is_it(path):
    (gaze,) = read_all(export(path, (2, 700, 90, 0, 0), (1, 500, 90, 0, 0), preamble=PREAMBLE.replace("corresponds", "unlike")))
    np.testing.assert_array_equal(gaze.fixations[:, 2], [0, 200])


def test_stimuli_with_their_sizes_and_participants_are_separate(path):
    names = (*NAMES, "StimuliName", "MediaWidth", "MediaHeight", "user")
    rows = ((1, 10, 50, 100, 50, "b", 200, 200, "p1"), (2, 60, 50, 100, 50, "a", 400, 100, "p1"))
    rows += ((3, 110, 50, 50, 50, "b", 200, 200, "p1"), (1, 10, 50, 100, 100, "b", 200, 200, "p2"))
    recordings = read_all(export(path, *rows, names=names, preamble=""))
    found = [(gaze.participant, gaze.stimulus, gaze.fixations[:, :3].tolist()) for gaze in recordings]
    assert found == [
        ("p1", "b", [[0.5, 0.25, 0], [0.25, 0.25, 100]]),
        ("p1", "a", [[0.25, 0.5, 0]]),
        ("p2", "b", [[0.5, 0.5, 0]]),
    ]


def test_events_hold_nothing_of_the_eyes_and_say_so(path):
    names = ("Timestamp", "Event", "EventKey", "Data1", "Data2", "Descriptor")
    rows = [
        (8091, "LeftMouseClick", 1, 666, 443, ""),
        (9447, "LogData", 0, "Load 1st", "", ""),
        (9500, "LeftMouseClick", 1, 1, 2, ""),
    ]
    preamble = "System Properties:\nOperating System:\t NT\n\nParticipant:\t P105\nParticipant properties:\n\n"
    (gaze,) = read_all(export(path, *rows, names=names, preamble=preamble))
    assert (gaze.participant, gaze.eye_movements, gaze.fixations) == ("P105", None, None)
    assert "3 events" in gaze.notes[0]
    assert "2 LeftMouseClick, 1 LogData" in gaze.notes[0]
    assert "All-Data" in gaze.notes[0]
    (gaze,) = read_all(export(path, names=names))
    assert "0 events" in gaze.notes[0]


@pytest.mark.parametrize(
    ("preamble", "row", "message"),
    [
        ("", (1, 2, 3, 4, 5), "no size of the screen.*Screen resolution: 1280 x 1024"),
        (PREAMBLE.replace("1000 x 500", "big"), (1, 2, 3, 4, 5), "'big' in RecordingResolution"),
        (PREAMBLE, (1, "soon", 3, 4, 5), "'soon' in column Timestamp"),
        (PREAMBLE, (), "a header and no fixations"),
    ],
)
def test_refused_exports(path, preamble, row, message):
    export(path, *([row] if row else []), preamble=preamble)
    with pytest.raises(EmertInputError, match=message):
        read_all(path)


def test_damaged_exports_give_one_clear_error_or_a_recording(path):
    data = export(path, *((i, 100 * i, 90, 250, 125) for i in range(9))).read_bytes()
    damaged = [data[:-30], data[:-60], data.replace(b"\t90\t", b"\t\t"), data.replace(b"\t", b"\t\t")]
    damaged += [data.replace(b"250", odd) for odd in (b"1e308", b"-1e400", b"\x00", b"nan", b"inf", b"2,5")]
    damaged += [data.replace(b"\t100\t", odd) for odd in (b"\t-5\t", b"\t1e300\t", b"\t\t")]
    for content in damaged:
        path.write_bytes(content)
        with contextlib.suppress(EmertInputError):
            assert read_all(path)
