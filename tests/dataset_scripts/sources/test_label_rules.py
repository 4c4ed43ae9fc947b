"""What labels must be, and when a coarse one contradicts the fine one."""

from dataclasses import replace

import pytest

from dataset_scripts.sources.base import Entry, check_labels, find_contradictions, note_contradictions
from dataset_scripts.sources.folder import SyntheticSource
from modeling_emert.errors_emert import EmertInputError

EXPECTED = {
    "happiness": "positive",
    "sadness": "negative",
    "fear": "negative",
    "disgust": "negative",
    "anger": "negative",
    "neutral": "neutral",
}


def entry(name="a", **labels) -> Entry:
    return Entry(name, "p1", "s1", labels)


@pytest.mark.parametrize("view", ["er", "fer"])
@pytest.mark.parametrize("fine", EXPECTED)
@pytest.mark.parametrize("coarse", ["positive", "negative", "neutral"])
def test_coarse_and_fine(view, fine, coarse):
    found = find_contradictions({f"{view}3": coarse, f"{view}7": fine})
    assert found == ([] if coarse == EXPECTED[fine] else [f"{view}3 is {coarse} where {view}7 is {fine}"])


@pytest.mark.parametrize(("polarity", "wrong"), [(None, set()), ("positive", {"negative", "neutral"})])
def test_surprise_is_free_unless_the_source_holds_to_a_polarity(polarity, wrong):
    for coarse in ("positive", "negative", "neutral"):
        assert bool(find_contradictions({"er3": coarse, "er7": "surprise"}, polarity)) == (coarse in wrong)


@pytest.mark.parametrize(
    "labels", [{"er3": "positive"}, {"er7": "fear"}, {"er3": "positive", "er7": None}, {"er3": "positive", "fer7": "fear"}]
)
def test_what_is_absent_or_of_another_view_contradicts_nothing(labels):
    assert find_contradictions(labels) == []


def test_both_views_are_told():
    labels = {"er3": "positive", "er7": "fear", "fer3": "neutral", "fer7": "happiness"}
    assert len(find_contradictions(labels)) == 2


def test_every_wrong_label_is_named_at_once(tmp_path):
    entries = [
        entry("a", er7="joy", er3="positive"),
        entry("b", er_valence=1.5, fer_intensity=float("nan")),
        entry("c", er_arousal="high", perceived3="neutral"),
        entry("d", er_valence=-1, fer_intensity=3.0),
    ]
    with pytest.raises(EmertInputError) as caught:
        check_labels(SyntheticSource(tmp_path), entries)
    message = str(caught.value)
    for part in (
        "5 errors",
        "a: label er7 is 'joy'",
        "b: label er_valence is 1.5",
        "[-1, 1]",
        "b: label fer_intensity is nan",
    ):
        assert part in message
    assert "c: label er_arousal is 'high'" in message
    assert "c: label perceived3 belongs to no task of source synthetic" in message
    assert "recording d" not in message


def test_labels_that_are_wrong_in_the_same_way_are_told_once(tmp_path):
    names = ["Happiness", "Happiness", "Fear", "Anger", "Sadness"] * 8
    entries = [entry(f"r{number}", er7=name, er_valence=2 + number) for number, name in enumerate(names)]
    with pytest.raises(EmertInputError) as caught:
        check_labels(SyntheticSource(tmp_path), entries)
    message = str(caught.value)
    assert "80 errors: recording r0: label er7 is 'Happiness', where one of happiness, " in message
    assert "[40 times, also recording r2 ('Fear'), recording r3 ('Anger')]; recording r0: label er_valence is 2," in message
    assert message.count("is expected") == 2


def test_votes_belong_to_a_task_that_has_them(tmp_path):
    source, seventh = SyntheticSource(tmp_path), (1 / 7,) * 7
    voted = [replace(entry(name), votes={"fer7": votes}) for name, votes in (("a", seventh), ("b", (0.5,) * 7))]
    with pytest.raises(EmertInputError, match="recording a: votes for fer7, a task without votes in synthetic"):
        check_labels(source, voted)
    source.vote_tasks = ("fer7",)
    with pytest.raises(EmertInputError) as caught:
        check_labels(source, voted)
    assert "recording b: fer7 has the votes 0.5" in str(caught.value)
    assert "recording a" not in str(caught.value)


def test_contradictions_are_one_note_with_the_setting_of_the_source(tmp_path):
    source = SyntheticSource(tmp_path)
    entries = [entry(f"r{number}", er3="positive", er7="fear") for number in range(12)] + [
        entry("s", er3="neutral", er7="surprise")
    ]
    (note,) = note_contradictions(source, entries)
    assert "12 recordings" in note
    assert "r0: er3 is positive where er7 is fear" in note
    assert "and 2 more" in note
    source.surprise_polarity = "negative"
    assert "13 recordings" in note_contradictions(source, entries)[0]
    assert note_contradictions(source, [entry(er3="negative", er7="fear")]) == []
