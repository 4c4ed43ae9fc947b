"""Each kind of wrong input against every reader of samples: the right value, or one sentence. A table: kind x reader."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gaze_exports import small_exports

from dataset_scripts.readers import read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

EXPORTS = small_exports()
Rows = list[list[str]]
# By format: how the lines of samples are told, what separates their cells, the places of the time and of a gaze x in them.
FORMATS: dict[str, tuple[tuple[str, ...], str, int, int]] = {
    "tobii_studio": (("p",), ",", 5, 15),
    "tobii_pro_lab": (tuple("0123456789"), "\t", 0, 8),
    "tobii_sdk": (("4",), ";", 0, 1),
    "pupil_core": (("1",), ",", 0, 3),
    "neon": (("s1,",), ",", 2, 3),
    "eyelink": (tuple("0123456789"), "\t", 0, 1),
    "smi_samples": (("9",), "\t", 0, 4),
    "gazepoint": (("0",), ",", 2, 9),
    "emert_csv": (tuple("0123456789"), ",", 0, 1),
    "mapped": (("0",), ",", 2, 3),
    "parquet": (tuple("0123456789"), ",", 0, 1),
}
ALL = pytest.mark.parametrize("name", FORMATS)


def text_of(name: str) -> str:
    data = next(iter(EXPORTS[name].values()))
    return pq.read_table(io.BytesIO(data)).to_pandas().to_csv(index=False) if name == "parquet" else data.decode()


def changed(name: str, change: Callable[[Rows], Rows]) -> dict[str, bytes]:
    """The export with other lines of samples; they stay where the first of them was."""
    first, separator, *_ = FORMATS[name]
    lines = text_of(name).split("\n")
    own = [line for line in lines if line.startswith(first) and separator in line and not line.startswith("pupil")]
    at = lines.index(own[0])
    new = [separator.join(row) for row in change([line.split(separator) for line in own])]
    rest = [line for line in lines[at:] if line not in set(own)]
    content = "\n".join([*lines[:at], *new, *rest]).encode()
    if name == "parquet":
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(pd.read_csv(io.BytesIO(content)), preserve_index=False), out)
        content = out.getvalue()
    return EXPORTS[name] | {next(iter(EXPORTS[name])): content}


def read(folder, files: dict[str, bytes]) -> list[Gaze]:
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return read_gaze_recordings(folder / next(iter(files)))


def refused(folder, files: dict[str, bytes], match: str) -> None:
    with pytest.raises(EmertInputError, match=match) as caught:
        read(folder, files)
    assert "\n" not in str(caught.value)


def with_times(rows: Rows, at: int, change: Callable[[float, int], float]) -> Rows:
    return [[*row[:at], repr(change(float(row[at]), i)), *row[at + 1 :]] for i, row in enumerate(rows)]


def span(rows: Rows, at: int) -> float:
    return float(rows[-1][at]) - float(rows[0][at])


def later(row: list[str], at: int, by: float) -> Rows:
    return with_times([row], at, lambda time, _: time + by)


def gaze_of(recordings: list[Gaze]) -> np.ndarray:
    """Whatever gaze point the recordings have."""
    columns = ("gaze_x", "gaze_left_x", "gaze_right_x")
    return np.concatenate([np.nan_to_num(np.stack([gaze.column(name) for name in columns])) for gaze in recordings], axis=1)


@ALL
def test_the_export_itself(tmp_path, name):
    assert gaze_of(read(tmp_path, changed(name, list))).shape == (3, 60)


@ALL
def test_a_clock_set_back_makes_recordings_of_their_own(tmp_path, name):
    """The same rows once more behind the first."""
    alone = read(tmp_path, EXPORTS[name])
    if name == "emert_csv":
        return refused(tmp_path, changed(name, lambda rows: rows + rows), "column time_ms of sample 61")
    files = changed(name, lambda rows: rows + rows)
    if name == "mapped":  # of 200 and 390 ms: too short to tell rows out of order from a restart
        return refused(tmp_path, files, "time of another one")
    if name == "eyelink":
        files = {"recording.asc": EXPORTS[name]["recording.asc"] * 2}
    found = read(tmp_path, files)
    assert len(found) == 2 * len(alone)
    assert sorted(len(gaze.times_ms) for gaze in found) == sorted(2 * [len(gaze.times_ms) for gaze in alone])
    assert max(gaze.duration_ms for gaze in found) == max(gaze.duration_ms for gaze in alone)
    np.testing.assert_array_equal(np.sort(gaze_of(found)), np.sort(np.tile(gaze_of(alone), 2)))
    return None


@ALL
def test_two_recordings_row_by_row_are_refused(tmp_path, name):
    """On the same clock, and on clocks far from each other."""
    time = FORMATS[name][2]
    same = changed(name, lambda rows: [row for row in rows for _ in range(2)])
    refused(tmp_path, same, "of another one|after that of the sample before")
    apart = changed(name, lambda rows: [row for one in rows for row in (one, *later(one, time, 20 * span(rows, time)))])
    refused(tmp_path, apart, "times that go back|a time after that|has a sample every|the time of another one")


@ALL
@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_times_in_another_unit_are_refused(tmp_path, name, factor):
    first = float(changed_first_time(name))
    files = changed(name, lambda rows: with_times(rows, FORMATS[name][2], lambda t, _: first + (t - first) * factor))
    if name == "tobii_pro_lab" and factor == 1e-3:  # 0.017 microseconds
        return refused(tmp_path, files, "a second, where 2.5 to 2,500 are expected|time of another one|same time")
    return refused(tmp_path, files, "a second, where 2.5 to 2,500 are expected|time of another one|same time|a time after that")


def changed_first_time(name: str) -> str:
    times: list[str] = []
    changed(name, lambda rows: times.extend(row[FORMATS[name][2]] for row in rows) or rows)
    return times[0]


@ALL
@pytest.mark.parametrize("sentinel", ["1e8", "-99999999"])
def test_an_impossible_gaze_point_is_missing_and_said(tmp_path, name, sentinel):
    at = FORMATS[name][3]

    def put(rows: Rows) -> Rows:
        cell = f"({sentinel}, 0.5)" if name == "tobii_sdk" else sentinel
        rows[20][at] = rows[50][at] = cell
        return rows

    found = read(tmp_path, changed(name, put))
    assert not any(gaze.out_of_bounds().any() for gaze in found)
    if name != "eyelink":  # which has fill values of its own, and writes 1e8 as one
        assert any("numbers that no eye can have count as missing" in note for gaze in found for note in gaze.notes)
    assert np.abs(gaze_of(found)).max() < 4


SIDES = {
    "tobii_studio": ("Left",),
    "tobii_pro_lab": ("left",),
    "tobii_sdk": ("left",),
    "smi_samples": ("L ",),
    "gazepoint": ("LP",),
}


@pytest.mark.parametrize("name", SIDES)
def test_of_one_eye_nothing_is_given_to_the_other(tmp_path, name):
    """The columns of the left eye are cut out; those that say so stay empty."""
    first, *others = text_of(name).split("\n")
    lines = [first, *others]
    separator = FORMATS[name][1]
    header = next(i for i, line in enumerate(lines) if any(word in line for word in SIDES[name]) and separator in line)
    names = lines[header].split(separator)
    kept = [i for i, one in enumerate(names) if not any(one.startswith(w) or f" {w}" in one or w in one for w in SIDES[name])]
    cut = [
        separator.join([cells[i] for i in kept]) if len(cells := line.split(separator)) == len(names) else line
        for line in lines
    ]
    (gaze,) = read(tmp_path, {next(iter(EXPORTS[name])): "\n".join(cut).encode()})
    whole = read(tmp_path, EXPORTS[name])[0]
    for column in ("gaze_left_x", "pupil_left"):
        assert np.isnan(gaze.column(column)).all(), column
    for column in ("gaze_right_x", "pupil_right"):
        np.testing.assert_array_equal(gaze.column(column), whole.column(column))
    assert np.isfinite(gaze.column("gaze_right_x")).any()
    assert not (gaze.column("validity_left") > 0).any()


def test_the_only_eye_of_eyelink_is_named_in_its_lines(tmp_path):
    data = EXPORTS["eyelink_mono"]["recording.asc"]
    right = read(tmp_path, {"recording.asc": data})[0]
    left = read(tmp_path, {"recording.asc": data.replace(b"RIGHT", b"LEFT").replace(b" R ", b" L ")})[0]
    assert np.isnan(right.column("gaze_left_x")).all()
    assert np.isnan(left.column("gaze_right_x")).all()
    np.testing.assert_array_equal(left.column("gaze_left_x"), right.column("gaze_right_x"))
