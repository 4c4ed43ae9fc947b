"""The model that comes with emert: whole, honest about its sources, and right about the faces that are there to try it on."""

import json
from itertools import pairwise

import pytest
from places import REAL

from modeling_emert.answers_emert import answer
from modeling_emert.constants_emert import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.evidence_emert import is_beyond_chance
from modeling_emert.licences_emert import terms_of
from spaces_demo.checkpoints import find_checkpoints
from training.evaluation.load_model import load_answering_network
from training.evaluation.model_folder import read_record, shipped_model, sources_of
from training.recipes.recipe import load_recipe, recipe_of_record

FACES = REAL / "faces"
real = [pytest.mark.real, pytest.mark.skipif(not FACES.is_dir(), reason=f"{FACES} is not there")]
SOURCES = {"ferplus", "audience_effects", "ceap_360vr"}


@pytest.fixture(scope="module")
def loaded():
    return load_answering_network(shipped_model())


def test_it_is_what_the_recipe_gives_and_the_demo_shows_it_first():
    record = read_record(shipped_model())
    assert recipe_of_record(record["recipe"]) == load_recipe("people_again")
    assert set(sources_of(record)) == SOURCES
    assert find_checkpoints()[0].folder == shipped_model().resolve()
    assert (shipped_model() / WEIGHTS_FILE).stat().st_size <= 8_000_000


def test_it_names_its_sources_and_may_not_be_published():
    config = json.loads((shipped_model() / CONFIG_FILE).read_text(encoding="utf-8"))
    assert {source["name"] for source in config["sources"]} == SOURCES
    assert terms_of(config["sources"]).forbidden is not None
    card = (shipped_model() / CARD_FILE).read_text(encoding="utf-8")
    for words in ("It must not be published", "FER2013", "CC-BY-NC-SA-4.0", "GPL-3"):
        assert words in card
    record = read_record(shipped_model())
    assert all(name.startswith("sha256:") for own in record["data_sets"] for name in own["seen_participants"])


def test_what_is_shown_is_told_and_what_is_felt_only_beyond_chance(loaded):
    by_task = {}
    for test in loaded[0].config.evidence:
        by_task.setdefault(test["task"], []).append(test)
    assert is_beyond_chance(by_task["fer7"])
    (shown,) = by_task["fer7"]
    assert shown["source"] == "ferplus"
    assert "photographs" in shown["unseen"]
    # New people and, where they are told at all, new clips.
    assert {"er3", "er_va"} <= set(by_task)
    assert any("clips" in test["unseen"] for test in by_task["er3"])


@pytest.mark.parametrize(
    ("name", "first"),
    [
        pytest.param("single_face.mp4", {"neutral"}, marks=real),
        pytest.param("WolfgangLanger_Pexels.mp4", {"sadness", "fear", "anger", "disgust"}, marks=real),
    ],
)
def test_a_face_that_begins_to_smile_is_seen_before_and_after(loaded, name: str, first: set[str]):
    network, processor = loaded
    found = answer(network, processor, processor.load(video=FACES / name))["timeline"]
    best = [max(one["fer7"], key=one["fer7"].get) for one in found]
    smile = best.index("happiness", next(index for index, label in enumerate(best) if label in first))
    assert set(best[:smile]) & first
    assert best[smile:].count("happiness") > len(best[smile:]) / 2
    assert max(later["time_ms"] - one["time_ms"] for one, later in pairwise(found)) <= 500


@pytest.mark.parametrize("name", [pytest.param("no_face.mp4", marks=real)])
def test_a_film_title_has_no_face(loaded, name: str):
    with pytest.raises(EmertInputError, match="No face was found"):
        loaded[1].load(video=FACES / name)
