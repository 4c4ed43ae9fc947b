"""What holds for every reader: which files are taken, and the sentences for those that are not."""

import gzip
import inspect
import lzma
import os
import zipfile

import numpy as np
import pytest

from dataset_scripts.readers import READERS, read_gaze, read_gaze_recordings
from dataset_scripts.readers.text import text_files, text_table
from dataset_scripts.readers.text.text_files import TextFile
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.errors_emert import EmertInputError

ROWS = [("0", "0.5", "0.25", "3.5"), ("10", "", "", "3.25"), ("20.5", "0.75", "-1.5", "")]
NAMES = ("time_ms", "gaze_x", "gaze_y", "pupil_left")


def own_csv(separator=",", rows=ROWS, names=NAMES, line_end="\n") -> str:
    return line_end.join(separator.join(row) for row in (names, *rows)) + line_end


def sentence(path, *parts, read=read_gaze_recordings) -> str:
    """The refusal of `path`: one line that names the file and these parts."""
    with pytest.raises(EmertInputError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert ". " not in message.replace(str(path), "")
    for part in (str(path), *parts):
        assert part in message
    return message


def check_own(gaze) -> None:
    assert gaze.format == "emert_csv"
    np.testing.assert_array_equal(gaze.times_ms, np.float32([0, 10, 20.5]))
    np.testing.assert_array_equal(gaze.column("gaze_x"), np.float32([0.5, np.nan, 0.75]))
    np.testing.assert_array_equal(gaze.column("gaze_y"), np.float32([0.25, np.nan, -1.5]))
    np.testing.assert_array_equal(gaze.column("pupil_left"), np.float32([3.5, 3.25, np.nan]))
    given = np.isin(COLUMN_NAMES, NAMES)
    assert np.isnan(gaze.eye_movements[:, ~given]).all()
    assert gaze.fixations is None


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.NAME)
def test_every_reader_offers_the_same_names(reader):
    assert list(inspect.signature(reader.find_header).parameters) == ["head"]
    assert list(inspect.signature(reader.read).parameters) == ["head", "header"]
    assert reader.TITLE
    assert reader.__doc__


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_separators_encodings_and_compression_give_the_same(tmp_path, separator, encoding, line_end, compress):
    text = own_csv(separator, line_end=line_end)
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    path = tmp_path / "a name that says nothing"
    path.write_bytes(compress(data))
    check_own(read_gaze(path))


def test_decimal_commas_beside_semicolons(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(own_csv(";").replace(".", ","))
    check_own(read_gaze(path))


def test_a_pair_in_a_text_column_is_no_decimal_comma(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("RecordingTimestamp\tRecordingResolution\tGazePointX(MCSpx)\tPupilLeft\tNote\n0\t9x9\t3\t2.5\t10,20\n")
    assert read_gaze(path).column("pupil_left")[0] == 2.5


def test_a_gzip_file_cut_far_from_its_start(tmp_path):
    rows = [(str(i), str(i * 7919 % 1000 / 1000), "0", "3") for i in range(100_000)]
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(own_csv(rows=rows).encode())[:-1000])
    sentence(path, "cut off or damaged")


def test_one_endless_cell(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x," + "x" * 200_000)
    sentence(path, "no known format")


def test_times_count_from_the_first_sample(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x\n1700000000000,0.5\n1700000000004,0.5\n")
    gaze = read_gaze(path)
    np.testing.assert_array_equal(gaze.times_ms, [0, 4])
    assert any("first sample" in note for note in gaze.notes)


def test_infinite_and_huge_numbers_are_missing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x\n0,inf\n1,1e300\n2,NaN\n3,0.5\n")
    np.testing.assert_array_equal(read_gaze(path).column("gaze_x"), np.float32([np.nan, np.nan, np.nan, 0.5]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["is empty"]),
        ("  \n\n", ["is empty"]),
        ("a,b\n1,2\n", ["no known format", "'a,b'", "Tobii Studio", "Pupil Core"]),
        ("gaze_x,gaze_y\n1,2\n", ["no column time_ms"]),
        ("time_ms\n1\n", ["time_ms alone"]),
        ("time_ms,gaze_x,gaze_z,mood\n1,2,3,4\n", ["'gaze_z', 'mood'", "rename"]),
        ("time_ms,gaze_x,gaze_x\n1,2,3\n", ["gaze_x twice"]),
        ("time_ms,gaze_x\n", ["no samples"]),
        ("time_ms,gaze_x\n0,left\n", ["'left'", "column gaze_x", "number"]),
        ("time_ms,gaze_x\n0,1\n5\n10,1\n", ["a row of 1 cells where the header has 2"]),
        ("time_ms,gaze_x\n0,960\n5,955\n", ["values around 957.5 in column gaze_x", "divide pixels"]),
        ("time_ms,gaze_x\n0,1\n10,1\n5,1\n", ["5 in column time_ms of sample 3", "sort"]),
        ("time_ms,gaze_x\n0,1\n,1\n", ["column time_ms of sample 2"]),
    ],
)
def test_refused_tables(tmp_path, text, parts):
    path = tmp_path / "a.csv"
    path.write_text(text)
    sentence(path, *parts)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (bytes(range(256)) * 4, ["binary"]),
        ("time_ms,gaze_x\n".encode("utf-16-le"), ["no samples"]),
        (b"time_ms,gaze_x\n0,\xe9\xe9\xe9\xe9\xe9\n" + b"1,1\n" * 9, ["column gaze_x", "number"]),
        (gzip.compress(own_csv().encode() * 99)[:60], ["cut off or damaged"]),
        (b"\x1f\x8b" + b"nothing of the kind", ["cut off or damaged"]),
    ],
    ids=["bytes", "utf16-without-mark", "latin1", "cut-gzip", "no-gzip"],
)
def test_refused_bytes(tmp_path, data, parts):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    sentence(path, *parts)


def test_a_character_cut_by_the_end_of_the_head_is_no_error(tmp_path, monkeypatch):
    data = own_csv().encode() + "é".encode()
    monkeypatch.setattr(text_table, "HEAD_BYTES", len(data) - 1)
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert text_table.read_head(TextFile(path)).lines[0] == ",".join(NAMES)


def test_a_participant_is_chosen_by_name_where_there_are_names(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x,gaze_y\n0,0.5,0.5\n20,0.5,0.5\n")
    with pytest.raises(EmertInputError, match="names no participant, so '03' can't be chosen; leave the participant out"):
        read_gaze(path, "03")


def test_refused_places(tmp_path):
    sentence(tmp_path, "holds 0 files")
    sentence(tmp_path / "absent.csv", "does not exist")
    sentence(tmp_path / ("long" * 99), "no name of a file")
    os.mkfifo(tmp_path / "pipe")
    sentence(tmp_path / "pipe", "not a regular file")


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
def test_too_large_is_refused_after_unpacking(tmp_path, monkeypatch, compress):
    data = compress(own_csv(rows=[(str(i), "0", "0", "3") for i in range(100_000)]).encode())
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert len(read_gaze(path).times_ms) == 100_000
    monkeypatch.setattr(text_files, "MAX_BYTES", 1_000_000)
    assert compress is bytes or len(data) < text_files.MAX_BYTES  # small on disk, large unpacked
    sentence(path, "more than 1,000,000 bytes")


def test_more_lines_than_any_session_are_refused_while_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x\n" + "".join(f"{i},0\n" for i in range(5000)))
    assert len(read_gaze(path).times_ms) == 5000
    monkeypatch.setattr(text_files, "MAX_LINES", 5000)
    sentence(path, "more than 5,000 lines")


def test_what_unpacks_to_a_hundred_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "RATIO_FREE_BYTES", 100_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"time_ms,gaze_x\n" + b"1,0\n" * 1_000_000))
    sentence(path, "more than 100 times its size")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zip"])
def test_any_encoding_in_any_wrapping(tmp_path, encoding, suffix):
    text = "ParticipantName\tRecordingTimestamp\tRecordingResolution\tGazePointX (ADCSpx)\tGazePointY (ADCSpx)\n"
    text += "Jürgen\t0\t100x100\t50\t25\nJürgen\t10\t100x100\t\t\n"
    path = tmp_path / f"whatever.tsv{suffix}"
    data = text.encode(encoding)
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner/table.tsv", data)
            archive.writestr("__MACOSX/inner/._table.tsv", b"\0\1")
    else:
        path.write_bytes({"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[suffix](data))
    gaze = read_gaze(path)
    assert (gaze.participant, gaze.format) == ("Jürgen", "tobii_studio")
    np.testing.assert_array_equal(gaze.column("gaze_x"), np.float32([0.5, np.nan]))


def test_latin_1_after_a_head_of_plain_ascii(tmp_path, monkeypatch):
    monkeypatch.setattr(text_table, "HEAD_BYTES", 200)
    header = "ParticipantName\tRecordingTimestamp\tRecordingResolution\tGazePointX (ADCSpx)\tGazePointY (ADCSpx)\n"
    rows = "".join(f"Jo\t{i}\t100x100\t1\t1\n" for i in range(20)) + "J\xf6\t5\t100x100\t1\t1\n"
    path = tmp_path / "a.tsv"
    path.write_bytes((header + rows).encode("latin-1"))
    assert [gaze.participant for gaze in read_gaze_recordings(path)] == ["Jo", "J\xf6"]


def test_of_a_folder_or_archive_the_table_with_samples_is_read_with_its_neighbours(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export/notes.txt").write_text("nothing of the eyes")
    (tmp_path / "export/samples.csv").write_text(own_csv())
    (tmp_path / "export/video.mp4").write_bytes(b"\0\1\2")
    assert read_gaze(tmp_path / "export").format == "emert_csv"
    (tmp_path / "export/again.csv").write_text(own_csv())
    sentence(tmp_path / "export", "several recordings (again.csv, samples.csv)")


@pytest.mark.parametrize("header", [own_csv().splitlines()[0], "gaze_timestamp,confidence,norm_pos_x,norm_pos_y"])
def test_a_cut_last_row_is_left_out_with_a_note(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n0,0.5,0.5,3\n10,0.5,0.5,3\n20,0.")
    gaze = read_gaze(path)
    assert len(gaze.times_ms) == 2
    assert any("last row" in note for note in gaze.notes)


def test_lines_that_end_as_on_old_macs(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(own_csv(line_end="\r"), newline="")
    assert len(read_gaze(path).times_ms) == len(ROWS)


def test_a_locked_or_broken_archive_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", own_csv())
    data = bytearray(path.read_bytes())
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data[:-30])
    sentence(broken, "damaged")
    locked = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[data.find(mark) + flags] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    with pytest.raises(EmertInputError, match="password"):
        read_gaze_recordings(tmp_path / "locked.zip")


PRO_LAB = (
    "Recording timestamp [ms]\tSensor\tParticipant name\tRecording resolution width [px]\tRecording resolution height [px]"
)
PRO_LAB += "\tGaze point X [DACS px]\tGaze point Y [DACS px]\tPupil diameter left [mm]\n"


def pro_lab(time="{}", name="P01", pupil="3.4") -> str:
    rows = (f"{time.format(1000 + 8 * i)}\tEye Tracker\t{name}\t1920\t1080\t960\t540\t{pupil}\n" for i in range(40))
    return PRO_LAB + "".join(rows)


@pytest.mark.parametrize(("time", "pupil"), [("{:,}", "3.4"), ("{:,}", "3,4")])
def test_thousands_separators_are_named(tmp_path, time, pupil):
    path = tmp_path / "a.tsv"
    text = pro_lab(time, pupil=pupil)
    path.write_text(text if pupil == "3.4" else text.replace("1,0", "1.0").replace("1,1", "1.1").replace("1,2", "1.2"))
    sentence(path, "column Recordingtimestamp[ms] (line 2), written with a thousands separator", "without separators")


def test_a_row_with_a_cell_too_few_and_a_word_among_numbers_are_found_by_their_line(tmp_path):
    path = tmp_path / "a.tsv"
    lines = pro_lab().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20].rpartition("\t")[0], *lines[21:]]) + "\n")
    sentence(path, "a row of 7 cells where the header has 8 (line 21)")
    path.write_text("\n".join([*lines[:30], lines[30].replace("\t960\t", "\tleft\t"), *lines[31:]]) + "\n")
    sentence(path, "'left' in column GazepointX[DACSpx] (line 31)")


@pytest.mark.parametrize(("name", "encoding", "said"), [("张三", "gb2312", "GB 18030"), ("Jörg", "latin-1", "Latin-1")])
def test_an_encoding_that_is_a_guess_is_said(tmp_path, name, encoding, said):
    path = tmp_path / "a.tsv"
    path.write_bytes(pro_lab(name=name).encode(encoding))
    gaze = read_gaze(path)
    assert gaze.participant == name
    assert any(f"read as {said}" in note and "a guess" in note for note in gaze.notes)
    path.write_bytes(pro_lab(name=name).encode())
    assert not any("guess" in note for note in read_gaze(path).notes)


def test_json_is_named_and_no_mapping_is_advised(tmp_path):
    path = tmp_path / "livedata.json"
    path.write_text('{"ts": 1, "s": 0, "gidx": 1, "gp": [0.5, 0.4]}\n' * 3)  # Glasses 2
    assert "mapping" not in sentence(path, "is JSON, which is not read; export the recording as a table")
    path.write_text("[build-system]\nrequires = []\n")
    assert "JSON" not in sentence(path, "is in no known format: it begins with '[build-system]'")
