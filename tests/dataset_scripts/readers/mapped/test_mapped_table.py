"""Any table with a mapping file: what the mapping means, and the sentences for one that can't be used."""

import gzip
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dataset_scripts.common.strict_yaml import MAX_BYTES
from dataset_scripts.readers import read_gaze, read_gaze_recordings
from dataset_scripts.readers.mapped import mapped_table
from modeling_emert.errors_emert import EmertInputError

FULL = {
    "time": {"column": "t", "unit": "s"},
    "screen": [2000, 1000],
    "stimulus_area": [500, 250, 1000, 500],
    "participant": "subject",
    "stimulus": "clip",
    "columns": {
        "gaze_x": {"column": "G X", "unit": "px", "missing": [-1, 0]},
        "gaze_y": {"column": "GY", "unit": "px", "missing": [-1], "origin": "bottom"},
        "pupil_left": {"column": "PL", "unit": "cm", "missing": [0]},
        "validity_left": {"column": "conf", "unit": "percent"},
        "saccade_amplitude": {"column": "amp", "unit": "radian"},
    },
    "keep_where": {"column": "valid", "equals": 1},
    "fixations": {
        "file": "fixations.csv",
        "start": {"column": "begin", "unit": "us"},
        "duration": {"column": "dur", "unit": "ms"},
        "x": {"column": "fx", "unit": "px"},
        "y": {"column": "fy", "unit": "px"},
    },
}
NAMES = ("subject", "clip", "t", "G X", "GY", "PL", "conf", "amp", "valid", "more")
ROWS = (
    ("00", "a", 5.000, 1000, 250, 0.3, 100, 0.0, 1, "x"),
    ("00", "a", 5.010, -1, 250, 0.4, 50, 0.1, 1, "x"),
    ("0", "a", 1.000, 500, 750, 0.5, 100, 0.2, 1.0, "y"),
    ("00", "a", 5.020, 1500, 1000, 0.0, 0, "", "1", ""),
    ("00", "b", 7.000, 1500, 1000, 0.2, 0, "", 0, ""),
)
FIXATIONS = "subject,clip,begin,dur,fx,fy\n00,a,5010000,90,1000,500\n00,a,4990000,15,750,375\n0,a,1000000,-5,1,1\n"


def write(folder, names=NAMES, rows=ROWS, mapping=FULL, separator=","):
    (folder / "table.csv").write_text("\n".join(separator.join(map(str, row)) for row in (names, *rows)) + "\n")
    (folder / "fixations.csv").write_text(FIXATIONS)
    (folder / "gaze_mapping.yaml").write_text(yaml.safe_dump(mapping))
    return folder / "table.csv"


def write_parquet(folder, names=NAMES, rows=ROWS, **options):
    texts = ("subject", "clip", "more", "valid")
    columns = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        columns[name] = (
            [str(cell) for cell in cells] if name in texts else [None if cell == "" else float(cell) for cell in cells]
        )
    pq.write_table(pa.table(columns), folder / "table.parquet", **options)
    return folder / "table.parquet"


def check(recordings):
    found = [(gaze.participant, gaze.stimulus, gaze.format, len(gaze.times_ms)) for gaze in recordings]
    assert found == [("00", "a", "mapped", 3), ("0", "a", "mapped", 1), ("00", "b", "mapped", 1)]
    gaze = recordings[0]
    np.testing.assert_allclose(gaze.times_ms, [0, 10, 20], atol=1e-3)
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.5, np.nan, 0.75])
    np.testing.assert_allclose(gaze.column("gaze_y"), [0.75, np.nan, 0])
    np.testing.assert_allclose(gaze.column("gaze_stimulus_x"), [0.5, np.nan, 1])
    np.testing.assert_allclose(gaze.column("gaze_stimulus_y"), [1, np.nan, -0.5])
    np.testing.assert_allclose(gaze.column("pupil_left"), [3, 4, np.nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("validity_left"), [1, 0.5, 0])
    np.testing.assert_allclose(gaze.column("saccade_amplitude"), np.degrees([0, 0.1, np.nan]), rtol=1e-5)
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, -10, 15], [0.5, 0.5, 10, 90]], atol=1e-4)
    assert gaze.fixation_method == "export"
    assert len(recordings[1].fixations) == 0
    assert any("1 of 1 fixations" in note for note in recordings[1].notes)
    assert np.isnan(recordings[2].eye_movements).all()  # not to be kept


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_full_mapping(tmp_path, separator):
    check(read_gaze_recordings(write(tmp_path, separator=separator)))


def test_a_mapping_that_is_given(tmp_path):
    path = write(tmp_path)
    given = (tmp_path / "gaze_mapping.yaml").rename(tmp_path / "mine.yml")
    check(read_gaze_recordings(path, mapping=given))
    assert read_gaze(path, "0", mapping=given).times_ms[0] == 0


def test_folder_zip_gz_and_parquet_give_the_same(tmp_path, tmp_path_factory):
    path = write(tmp_path)
    check(read_gaze_recordings(tmp_path))
    check(read_gaze_recordings(shutil.make_archive(str(tmp_path_factory.mktemp("zip") / "a"), "zip", tmp_path)))
    path.with_name("table.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    check(read_gaze_recordings(path.with_name("table.csv.gz")))
    check(read_gaze_recordings(write_parquet(tmp_path)))


def test_a_short_mapping_and_fixations_in_the_same_table(tmp_path):
    short = {"time": "t", "columns": {"gaze_x": "x", "gaze_y": "y"}}
    short["fixations"] = {"start": "s", "duration": "d", "x": "fx", "y": "fy"}
    names, rows = ("t", "x", "y", "s", "d", "fx", "fy"), ((0, 0.5, 0.5, 1, 90, 0.1, 0.2), (4, 0.5, 0.5, "", "", "", ""))
    gaze = read_gaze(write(tmp_path, names, rows, short))
    np.testing.assert_allclose(gaze.fixations, [[0.1, 0.2, 1, 90]], rtol=1e-6)
    assert gaze.participant is None
    assert np.isnan(gaze.column("gaze_stimulus_x")).all()


def test_nanoseconds_of_the_calendar_keep_their_milliseconds(tmp_path):
    names, rows = ("t", "p"), [(1_700_000_000_000_000_000 + i * 4_000_000, 3) for i in range(5)]
    gaze = read_gaze(write(tmp_path, names, rows, {"time": {"column": "t", "unit": "ns"}, "columns": {"pupil_left": "p"}}))
    np.testing.assert_allclose(gaze.times_ms, np.arange(5) * 4, atol=1e-3)


def test_a_known_format_beside_a_mapping_for_another_table(tmp_path):
    write(tmp_path)
    (tmp_path / "own.csv").write_text("time_ms,gaze_x\n0,0.5\n")
    assert read_gaze(tmp_path / "own.csv").format == "emert_csv"


def test_all_problems_are_named_at_once(tmp_path):
    wrong = {
        "time": {"column": "t", "unit": "hours"},
        "screen": [0, "wide"],
        "colums": {},
        "columns": {
            "gaze_z": "z",
            "gaze_x": {"column": "x", "unit": "px", "missing": "none"},
            "pupil_left": {"unit": "mm"},
            "pupil_right": {"column": "p", "unit": "inch"},
        },
        "keep_where": {"column": "v"},
        "fixations": {"file": "../secret.csv", "start": "s", "duration": "d", "x": "x"},
    }
    with pytest.raises(EmertInputError) as caught:
        read_gaze(write(tmp_path, mapping=wrong))
    message = str(caught.value)
    for part in (
        "gaze_mapping.yaml",
        "time: unit is 'hours', expected one of ms, s, us, 100ns, ns",
        "screen is [0, 'wide'], expected 2 numbers of pixels",
        "unknown key colums ({}); did you mean columns?",
        "unknown key columns.gaze_z (",
        "columns.gaze_x.missing is 'none', expected a list of at most 100 numbers",
        "columns.pupil_left.column is missing, expected the name of a column",
        "columns.pupil_right: unit is 'inch', expected one of mm, cm, m, um",
        "keep_where.equals is missing",
        "fixations.file is '../secret.csv', expected the name of a file",
        "fixations.y is missing",
    ):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "is not YAML"),
        ("[" * 20_000, "too deep"),
        ("x: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("\x00", "is not YAML"),
        ("a: &a [1]\nb: *a", "aliases (*name) are not read"),
        ("time: t\ntime: s", "line 2, column 1: the key time stands twice"),
        ("- 1", "expected `key: value` lines"),
        ("", "expected `key: value` lines"),
        ("time: t\ncolumns: {}", "columns is empty"),
        ("time: t\ncolumns: {gaze_x: {column: x, missing: [.nan]}}", "missing is"),
        (
            "time: t\ncolumns: {gaze_x: {column: x, unit: inch}}",
            "columns.gaze_x: unit is 'inch', expected one of fraction, percent, px, centred, degree, mm, cm;",
        ),
        ("time: t\ncolumns: {gaze_x: {column: true}}", "gaze_x.column is True, expected the name of a column"),
        ("time: t\ncolumns: {gaze_x: ' '}", "gaze_x.column is ' ', expected the name of a column"),
        ("time: t\ncolumns: {gaze_x: x}\nkeep_where: {column: x, equals: []}", "equals is [], expected a number or a text"),
        ("time: t\ncolumns: {gaze_x: x}\nstimulus_area: [0, 0, 1, 1]", "screen: [width, height] in pixels is missing"),
        ("time: t\ncolumns: {gaze_x: x}\nscreen: [5, 5]\nstimulus_area: [0, 0, 1, 0]", "stimulus_area is [0, 0, 1, 0]"),
        ("time: {column: t, origin: bottom}\ncolumns: {gaze_x: x}", "time: origin is 'bottom'"),
        (
            "time: t\ncolumns: {gaze_y: {column: y, origin: left}}",
            "origin is 'left', expected 'top', 'bottom'",
        ),
        ("time: t\ncolumns: {gaze_x: {column: x, unit: px}}", "screen: [width, height]"),
        ("time: t\ncolumns: {pupil_left: {column: x, origin: bottom}}", "origin is"),
        (f"time: t\nscreen: [1, 0x{'f' * 9000}]\ncolumns: {{gaze_x: x}}", "screen is"),
        ("#" * (MAX_BYTES + 1), "more than 65,536 bytes"),
    ],
)
def test_mappings_that_are_refused(tmp_path, text, part):
    path = write(tmp_path)
    (tmp_path / "gaze_mapping.yaml").write_text(text)
    with pytest.raises(EmertInputError) as caught:
        read_gaze(path)
    assert part in str(caught.value)
    assert "gaze_mapping.yaml" in str(caught.value)


def test_columns_that_the_table_lacks_are_named(tmp_path):
    with pytest.raises(EmertInputError, match=r"table.csv lacks columns that its mapping names: 'GY', 'PL'"):
        read_gaze(write(tmp_path, [name.lower() if name in ("GY", "PL") else name for name in NAMES]))
    (tmp_path / "fixations.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EmertInputError, match=r"fixations.csv lacks columns"):
        read_gaze_recordings(write_parquet(tmp_path))


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([], "no samples"),
        ([("00", "a", "", 1, 1, 1, 1, 1, 1, 1)], "no time"),
        ([("00", "a", "1e308", 1, 1, 1, 1, 1, 1, 1)], "no time"),
        ([("00", "a", 1, "left", 1, 1, 1, 1, 1, 1)], "'left'"),
        ([("00", "a", 1)], "a row of 3 cells"),
    ],
)
def test_tables_that_are_refused(tmp_path, rows, part):
    with pytest.raises(EmertInputError) as caught:
        read_gaze_recordings(write(tmp_path, rows=rows))
    assert part in str(caught.value)


# ---- Parquet


def test_parquet_with_our_own_names(tmp_path):
    path = tmp_path / "a.bin"
    pq.write_table(pa.table({"time_ms": [0, 4, 8], "gaze_x": [0.5, None, 1e300], "mood": ["a", "b", "c"]}), path)
    gaze = read_gaze(path)
    np.testing.assert_array_equal(gaze.times_ms, [0, 4, 8])
    np.testing.assert_array_equal(gaze.column("gaze_x"), np.float32([0.5, np.nan, np.nan]))


def test_parquet_that_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"

    def refuse(part):
        with pytest.raises(EmertInputError) as caught:
            read_gaze(path)
        assert part in str(caught.value)
        assert "a.parquet" in str(caught.value)

    pq.write_table(pa.table({"time_ms": [0.0], "gaze_x": ["left"]}), path)
    refuse("string in column gaze_x")
    pq.write_table(pa.table({"time_ms": [0.0], "gaze_x": [[1.0]]}), path)
    refuse("in column gaze_x where one value")
    pq.write_table(pa.table({"time": [0.0], "gaze_x": [1.0]}), path)
    refuse("'time_ms'")
    pq.write_table(pa.table({"time_ms": pa.array([], pa.float64())}), path)
    refuse("0 rows")
    pq.write_table(pa.table({"time_ms": np.arange(1000.0), "gaze_x": np.arange(1000.0)}), path)
    monkeypatch.setattr(mapped_table, "MAX_COLUMN_BYTES", 5000)
    refuse("bytes in column")
    monkeypatch.setattr(mapped_table, "MAX_ROWS", 999)
    refuse("1,000 rows")


def test_damaged_parquet_gives_a_recording_or_one_sentence(tmp_path):
    complete = write_parquet(tmp_path).read_bytes()
    write(tmp_path)
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(60):
        data = bytearray(complete)
        if number < 20:
            data = data[: rng.integers(5, len(data))]
        else:
            for place in rng.integers(4, len(data), 6):
                data[place] = rng.integers(256)
        (tmp_path / "table.parquet").write_bytes(bytes(data))
        try:
            assert read_gaze_recordings(tmp_path / "table.parquet")
        except EmertInputError:
            refused += 1
    assert refused > 20


def test_a_long_text_in_every_row_is_held_once(tmp_path):
    rows = 200_000
    subject = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["s" * 100_000])
    columns = {"t": np.arange(rows) * 1.0, "x": np.zeros(rows), "subject": subject.cast(pa.dictionary(pa.int32(), pa.string()))}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    mapping = {"time": "t", "participant": "subject", "columns": {"pupil_left": "x"}}
    (tmp_path / "gaze_mapping.yaml").write_text(yaml.safe_dump(mapping))
    assert len(read_gaze(tmp_path / "a.parquet").participant) == 100_000


@pytest.mark.parametrize(
    ("unit", "points", "more"),
    [
        ("centred", [(-1, 1), (0, 0), (0.5, -0.5)], {}),
        ("degree", [(-22.2185, 12.9530), (0, 0), (11.5432, -6.5601)], {"screen_mm": [531, 299], "viewing_distance": 650}),
        ("mm", [(-265.5, 149.5), (0, 0), (132.75, -74.75)], {"screen_mm": [531, 299]}),
        ("px", [(-960, 540), (0, 0), (480, -270)], {"screen": [1920, 1080]}),
    ],
)
def test_points_from_the_middle_of_the_screen(tmp_path, unit, points, more):
    """The left upper corner, the middle, and a point half way to the right lower corner; up is positive."""
    x, y = ({"column": name, "unit": unit, "origin": o} for name, o in (("x", "centre"), ("y", "centre_up")))
    path = tmp_path / "gaze.csv"
    path.write_text("t,x,y\n" + "".join(f"{10 * i},{x},{y}\n" for i, (x, y) in enumerate(points)))
    mapping = {"time": "t", "columns": {"gaze_x": x, "gaze_y": y}} | more
    (tmp_path / "gaze_mapping.yaml").write_text(yaml.safe_dump(mapping))
    gaze = read_gaze(path)
    np.testing.assert_allclose(gaze.column("gaze_x"), [0, 0.5, 0.75], atol=1e-4)
    np.testing.assert_allclose(gaze.column("gaze_y"), [0, 0.5, 0.75], atol=1e-4)
    if unit in ("degree", "mm"):
        (tmp_path / "gaze_mapping.yaml").write_text(yaml.safe_dump({"time": "t", "columns": {"gaze_x": x, "gaze_y": y}}))
        with pytest.raises(EmertInputError, match="screen_mm"):
            read_gaze(path)


STEPS = np.arange(40)


@pytest.mark.parametrize(
    ("form", "mapping", "found"),
    [
        ("{0},0.5,0.5", {"unit": "ns"}, "a sample every 1e-06 ms by its times, 1e\\+09 a second, .*; say the unit of time"),
        ("{0}0,{1},300", {}, "values around 519.5 in column gaze_x, where normalised coordinates .* divide pixels"),
        ("{0}0,{2},0.1", {}, "values from -0.95 to 0.95 in column gaze_x.* count from the middle of the screen"),
        ("{3}0,0.5,0.5", {}, "20 of 40 samples with the time of another one"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_units_that_are_not_said_are_refused(tmp_path, form, mapping, found, kind):
    lines = [form.format(i, 500 + i, np.sin(i) * 0.95, i // 2) for i in STEPS]
    path = tmp_path / f"gaze.{kind}"
    if kind == "csv":
        path.write_text("t,x,y\n" + "\n".join(lines) + "\n")
    else:
        numbers = np.array([[float(cell) for cell in line.split(",")] for line in lines]).T
        pq.write_table(pa.table(dict(zip("txy", numbers, strict=True))), path)
    written = {"time": {"column": "t"} | mapping, "columns": {"gaze_x": "x", "gaze_y": "y"}}
    (tmp_path / "gaze_mapping.yaml").write_text(yaml.safe_dump(written))
    with pytest.raises(EmertInputError, match=found):
        read_gaze(path)
