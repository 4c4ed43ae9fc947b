"""The sources of openly licensed recordings: on a small made-up copy of their layout, and on the recordings themselves.

Tests marked `real` compare with a few lines of pandas that know nothing of the readers.
"""

import gzip
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from places import REAL

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from dataset_scripts.sources.ceap_360vr import CeapSource
from dataset_scripts.sources.uniss_fgd import UnissFgdSource
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import LABEL_COLUMNS, TASKS


@pytest.fixture
def real():
    if not REAL.is_dir():
        pytest.skip(f"no real recordings at {REAL}; set EMERT_REAL_DATA")
    return REAL


# ---- made-up copies


@pytest.fixture
def uniss(tmp_path):
    names = "ParticipantName,RecordingResolution,RecordingTimestamp,GazePointX(ADCSpx),GazePointY(ADCSpx)"
    (tmp_path / "recordings_60hz").mkdir()
    (tmp_path / "StimuliMap.csv").write_text("ID, FileName\n0,XX01HAS.JPG\n1,XX01NES.JPG\n12,YY02SAS.JPG\n")
    for number, people in ((0, ("00", "01")), (1, ("01",)), (12, ("00", "0"))):
        rows = [f"{who},100x100,{time},{number + i},50" for i, who in enumerate(people) for time in (500, 510)]
        text = "\n".join([names, *rows]) + "\n"
        (tmp_path / "recordings_60hz" / f"{number:03d}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def questionnaire(*ratings):
    videos = [{"VideoID": f"V{i + 1}", "ValenceValue": v, "ArousalValue": a} for i, (v, a) in enumerate(ratings)]
    return {"QuestionnaireData": [{"ParticipantID": "P1", "Video_SAMRating_VideoTime_Data": videos}]}


@pytest.fixture
def ceap(tmp_path):
    (tmp_path / "2_QuestionnaireData").mkdir()
    (tmp_path / "4_BehaviorData" / "EM_Fixation").mkdir(parents=True)
    (tmp_path / "2_QuestionnaireData" / "P1_Questionnaire_Data.json").write_text(
        json.dumps(questionnaire((9, 1), (5, 6), (4, 5)))
    )
    fixation = {"StartFrame": 30, "EndFrame": 36, "Pitch": 45.0, "Yaw": -90.0}
    videos = [{"VideoID": "V1", "Fixation": [fixation]}, {"VideoID": "V2", "Fixation": []}]
    person = {"ParticipantID": "P1", "Video_Behavior_FixationData": videos}
    (tmp_path / "4_BehaviorData" / "EM_Fixation" / "P1_Behavior_FixationData.json").write_text(
        json.dumps({"Behavior_FixationData": [person]})
    )
    return tmp_path


@pytest.mark.parametrize("source", [UnissFgdSource, CeapSource])
def test_sources_say_what_they_are(source):
    assert set(source.tasks) <= set(TASKS)
    assert all((source.name, source.licence, source.citation, source.lacks))
    assert isinstance(source.redistributable, bool)


def test_uniss_entries_and_gaze(uniss):
    source = UnissFgdSource(uniss)
    entries = source.entries()
    found = [(entry.recording_id, entry.participant, entry.stimulus, entry.labels["perceived3"]) for entry in entries]
    assert found == [
        ("p0-s012", "0", "YY02SAS", "negative"),
        ("p00-s000", "00", "XX01HAS", "positive"),
        ("p00-s012", "00", "YY02SAS", "negative"),
        ("p01-s000", "01", "XX01HAS", "positive"),
        ("p01-s001", "01", "XX01NES", "neutral"),
    ]
    gaze = source.load_gaze(entries[0])
    assert (gaze.participant, gaze.stimulus) == ("0", "YY02SAS")
    np.testing.assert_allclose(gaze.column("gaze_x"), 0.13, rtol=1e-6)
    # What a caller does to its arrays stays with the caller.
    gaze.eye_movements[:] = 0
    np.testing.assert_allclose(source.load_gaze(entries[0]).column("gaze_x"), 0.13, rtol=1e-6)


def test_uniss_refusals(uniss, tmp_path):
    with pytest.raises(EmertInputError, match=r"StimuliMap.csv does not exist"):
        UnissFgdSource(tmp_path / "nowhere").entries()
    (uniss / "StimuliMap.csv").write_text("ID, Name\n0,XX01HAS.JPG\n")
    with pytest.raises(EmertInputError, match="ID, Name where ID and FileName"):
        UnissFgdSource(uniss).entries()
    (uniss / "StimuliMap.csv").write_text("ID, FileName\n0,XX01ANS.JPG\n")
    with pytest.raises(EmertInputError, match="XX01ANS"):
        UnissFgdSource(uniss).entries()
    (uniss / "StimuliMap.csv").write_text("ID, FileName\n3,XX01HAS.JPG\n")
    with pytest.raises(EmertInputError, match=r"003.csv.gz does not exist"):
        UnissFgdSource(uniss).entries()


def test_ceap_entries_and_gaze(ceap):
    source = CeapSource(ceap)
    entries = source.entries()
    assert [entry.recording_id for entry in entries] == ["P1-V1", "P1-V2", "P1-V3"]
    assert entries[0].labels == {"er3": "positive", "er_valence": 1.0, "er_arousal": -1.0}
    assert entries[1].labels == {"er3": "neutral", "er_valence": 0.0, "er_arousal": 0.25}
    assert entries[2].labels == {"er3": "negative", "er_valence": -0.25, "er_arousal": 0.0}
    assert set(entries[0].labels) <= set(LABEL_COLUMNS)
    gaze = source.load_gaze(entries[0])
    assert gaze.eye_movements is None
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 1000, 200]])
    assert source.load_gaze(entries[1]).fixations.shape == (0, 4)
    with pytest.raises(EmertInputError, match="no fixations of P1 for V3"):
        source.load_gaze(entries[2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", "QuestionnaireData"),
        (json.dumps(questionnaire((10, 1))), "10 as ValenceValue"),
        (json.dumps(questionnaire(("high", 1))), "'high' as ValenceValue"),
        (json.dumps(questionnaire((1, None))), "'None' as ArousalValue"),
    ],
)
def test_ceap_refusals(ceap, content, message):
    (ceap / "2_QuestionnaireData" / "P1_Questionnaire_Data.json").write_text(content)
    with pytest.raises(EmertInputError, match=message):
        CeapSource(ceap).entries()


def test_ceap_without_files(tmp_path):
    with pytest.raises(EmertInputError, match="give the folder ceap_360vr"):
        CeapSource(tmp_path).entries()


# ---- the recordings themselves


def check_studio_file(path, recordings):
    """One photograph's file against pandas: samples, fixations, missing share, rate, and the trap of the eye position."""
    table = pd.read_csv(path, dtype={"ParticipantName": str})
    assert {gaze.participant for gaze in recordings} == set(table.ParticipantName)
    for gaze in recordings:
        rows = table[table.ParticipantName == gaze.participant]
        assert len(gaze.times_ms) == len(rows)
        assert gaze.times_ms[-1] == rows.RecordingTimestamp.max() - rows.RecordingTimestamp.min()
        assert len(gaze.fixations) == rows.FixationIndex.nunique()
        lost = rows.filter(regex=r"^GazePoint.*px\)$").isna().all(axis=1)
        assert gaze.missing_fraction == pytest.approx(lost.mean())
        assert np.isnan(gaze.column("pupil_right")).sum() == rows.PupilRight.isna().sum()
        np.testing.assert_array_equal(np.isnan(gaze.column("eye_right_y")), rows.PupilRight.isna())
        assert np.nanmin(np.append(gaze.column("eye_right_y"), 999)) > 100  # the constant is 83.61
        x = (rows["GazePointX(MCSpx)"] / rows.MediaWidth).to_numpy()
        np.testing.assert_allclose(gaze.column("gaze_stimulus_x"), x, rtol=1e-5)
        assert gaze.column("in_saccade").sum() == (rows.GazeEventType == "Saccade").sum()


@pytest.mark.real
@pytest.mark.parametrize(("folder", "rate"), [("recordings_60hz", 60), ("recordings_300hz", 300)])
def test_real_studio_files(real, folder, rate):
    for path in sorted((real / "tobii_studio_faces" / folder).glob("*.csv.gz"))[:10]:
        recordings = read_gaze_recordings(path)
        check_studio_file(path, recordings)
        for gaze in recordings:
            assert (len(gaze.times_ms) - 1) / gaze.times_ms[-1] * 1000 == pytest.approx(rate, rel=0.01)


@pytest.mark.slow
@pytest.mark.real
def test_real_uniss(real):
    source = UnissFgdSource(real / "tobii_studio_faces")
    entries = source.entries()
    table = pd.concat(
        pd.read_csv(path, dtype={"ParticipantName": str}).assign(file=path.name)
        for path in (real / "tobii_studio_faces" / "recordings_60hz").glob("*.csv.gz")
    )
    trials = table.groupby(["ParticipantName", "file"])
    assert len(entries) == trials.ngroups == len({entry.recording_id for entry in entries})
    assert {entry.participant for entry in entries} == set(table.ParticipantName)
    photographs = pd.read_csv(real / "tobii_studio_faces" / "StimuliMap.csv", skipinitialspace=True).FileName
    expected = Counter(photographs.str[4:6])
    people = table.ParticipantName.nunique()
    labels = Counter(entry.labels["perceived3"] for entry in entries)
    names = {"HA": "positive", "NE": "neutral", "SA": "negative"}
    assert labels == {names[key]: count * people for key, count in expected.items()}

    gazes = [source.load_gaze(entry) for entry in entries]
    assert sum(len(gaze.times_ms) for gaze in gazes) == len(table)
    assert sum(len(gaze.fixations) for gaze in gazes) == trials.FixationIndex.nunique().sum()
    assert not any(np.isnan(gaze.fixations).any() for gaze in gazes)
    pupils = np.concatenate([gaze.column("pupil_left") for gaze in gazes])
    assert np.isnan(pupils).mean() == pytest.approx(table.PupilLeft.isna().mean())
    # Published: the first observer's, copied to all; so a data set leaves them out.
    built = [source.believed_gaze(entry) for entry in entries]
    assert not np.isfinite(np.concatenate([gaze.column("saccade_amplitude") for gaze in built])).any()


@pytest.mark.real
def test_real_ceap(real):
    source = CeapSource(real / "ceap_360vr")
    entries = source.entries()
    files = sorted((real / "ceap_360vr" / "4_BehaviorData" / "EM_Fixation").glob("*.json"))
    people = [person for file in files for person in json.loads(file.read_text())["Behavior_FixationData"]]
    counts = {
        f"{person['ParticipantID']}-{video['VideoID']}": len(video["Fixation"])
        for person in people
        for video in person["Video_Behavior_FixationData"]
    }
    gazes = {entry.recording_id: source.load_gaze(entry) for entry in entries}
    assert {key: len(gaze.fixations) for key, gaze in gazes.items()} == counts
    fixations = np.concatenate([gaze.fixations for gaze in gazes.values()])
    assert (fixations[:, :2] >= 0).all()
    assert (fixations[:, :2] <= 1).all()
    assert (fixations[:, 3] > 0).all()
    assert fixations[:, 2].max() < 61_000
    numbers = np.array([[entry.labels["er_valence"], entry.labels["er_arousal"]] for entry in entries])
    assert numbers.min() >= -1
    assert numbers.max() <= 1


@pytest.mark.real
def test_real_studio_with_a_preamble(real):
    gaze = read_gaze(real / "exports" / "emdat" / "P63-All-Data.tsv")
    assert (gaze.participant, len(gaze.times_ms), len(gaze.fixations)) == ("P106", 8, 0)
    said = {"validity_left", "validity_right", "in_fixation"}
    assert gaze.missing_fraction == 1
    assert np.isfinite(gaze.eye_movements).sum() == 8 * len(said)


@pytest.mark.real
def test_a_licence_is_no_recording(real):
    with pytest.raises(EmertInputError, match="no known format"):
        read_gaze(real / "exports" / "emdat" / "LICENSE.md")
