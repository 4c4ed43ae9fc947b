"""What may be done with a model follows from the strictest licence of all that it has learned from."""

import json
from pathlib import Path

import pytest
from tiny_emert import tiny_config, tiny_model

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.hub_emert import push_folder
from modeling_emert.licences_emert import (
    LICENCES,
    MODEL_WORDS,
    NOT_STATED,
    check_sharing,
    hash_participants,
    sources_of_folder,
    terms_of,
)
from modeling_emert.model_card_emert import make_model_card
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.pipeline_emert import EmotionRecognitionPipeline
from modeling_emert.processing_emert import EmertProcessor


def _source(licence: str, redistributable: bool = True, name: str | None = None) -> dict:
    return {"name": name or f"of-{licence}", "licence": licence, "redistributable": redistributable, "citation": "Doe"}


@pytest.mark.parametrize("licence", LICENCES)
def test_each_licence_wins_over_the_milder_ones_and_is_written_as_the_hub_writes_it(licence: str):
    milder = LICENCES[: LICENCES.index(licence)]
    share_alike = {"odbl-1.0", "cc-by-sa-4.0", "gpl-3.0", "cc-by-nc-sa-4.0"}
    alone = terms_of([_source(licence.upper())])
    expected = licence if LICENCES.index(licence) > LICENCES.index("apache-2.0") else "apache-2.0"  # the code's own
    assert alone.front_matter == {"license": expected}
    assert (alone.forbidden is None) == ("-nd-" not in licence)
    together = terms_of([*(_source(name) for name in milder if name not in share_alike), _source(licence)])
    assert together.front_matter == {"license": expected}


def test_two_licences_that_each_demand_themselves_have_no_answer():
    terms = terms_of([_source("GPL-3.0", name="a"), _source("CC-BY-NC-SA-4.0", name="b")])
    assert terms.front_matter == {"license": "other", "license_name": "a-and-b-terms"}
    assert "no licence satisfies both gpl-3.0 and cc-by-nc-sa-4.0" in terms.forbidden
    assert terms_of([_source("CC-BY-SA-4.0"), _source("CC-BY-NC-4.0")]).front_matter["license"] == "other"


def test_a_licence_in_words_is_other_and_only_its_source_says_whether_it_may_be_passed_on():
    words = _source("Re-use allowed, naming us", name="lab")
    assert terms_of([words]).front_matter == {"license": "other", "license_name": "lab-terms"}
    assert terms_of([words, _source("Apache-2.0")]).front_matter == {"license": "other", "license_name": "lab-terms"}
    assert terms_of([words]).forbidden is None
    closed = terms_of([_source("Apache-2.0"), _source("EULA", False, "emer")])
    assert "source emer (EULA) does not plainly allow publishing" in closed.forbidden
    assert "source.yaml" not in closed.forbidden
    own = terms_of([_source(NOT_STATED, False, "folder")])
    assert "if the recordings are yours, state licence and redistributable in their source.yaml" in own.forbidden


@pytest.mark.parametrize(
    "sources", [None, "MIT", [{}], [{"name": "a"}], [_source("", True)], [3], [_source("MIT") | {"redistributable": "yes"}]]
)
def test_what_nobody_has_said_is_unknown_and_not_shared(sources):
    assert terms_of(sources).front_matter == {"license": "unknown"}
    with pytest.raises(EmertInputError, match="ask who trained it, and state them in"):
        check_sharing("here", sources, private=False, confirm=MODEL_WORDS)
    check_sharing("here", sources, private=True, confirm=MODEL_WORDS)
    assert "**Unknown; ask whoever trained it**" in make_model_card(tiny_config(), {"sources": sources} | _RECORD)


_RECORD = {"data": "lab", "fold": 1, "strict": False, "seen_participants": [], "validation_score": None, "epochs": 1.0}


def test_what_is_unknown_is_named():
    assert terms_of(None).forbidden.startswith("the recordings that it learned from are unknown")
    assert terms_of([_source("MIT"), _source("unknown", name="lab")]).forbidden.startswith("the licence of lab is unknown")


def test_the_card_names_every_source_and_whether_it_may_be_published():
    sources = [_source("CC-BY-4.0", name="a"), _source("CC-BY-NC-SA-4.0", False, "b")]
    text = make_model_card(tiny_config(sources=sources), _RECORD)
    assert "license: cc-by-nc-sa-4.0" in text
    assert "datasets:\n- a\n- b\n" in text
    assert "**It must not be published**: the licence of source b" in text
    assert "| `a` | CC-BY-4.0 | Doe |" in text


def test_the_sources_go_where_the_weights_go_and_training_makes_them_unknown_until_they_are_stated(tmp_path: Path):
    open_source = [_source("CC-BY-4.0", name="a")]
    tiny_model(sources=open_source).save_pretrained(tmp_path / "first")
    model = EmertForEmotionRecognition.from_pretrained(tmp_path / "first")
    model.save_pretrained(tmp_path / "second")
    assert sources_of_folder(tmp_path / "second") == open_source
    model.train()
    model.eval().save_pretrained(tmp_path / "trained")
    assert [one["name"] for one in sources_of_folder(tmp_path / "trained")] == ["a", "unknown"]
    assert "license: unknown" in (tmp_path / "trained" / "README.md").read_text()
    pipe = EmotionRecognitionPipeline(model, processor=EmertProcessor.for_config(model.config, image_size=32))
    for pushed in (model, pipe):
        with pytest.raises(EmertInputError, match="unknown"):
            pushed.push_to_hub("me/model")
    model.config.sources = [*open_source, _source("CC0-1.0", name="b")]
    model.save_pretrained(tmp_path / "stated")
    assert "license: cc-by-4.0" in (tmp_path / "stated" / "README.md").read_text()


def test_a_record_speaks_where_the_config_does_not(tmp_path: Path):
    assert sources_of_folder(tmp_path) == []  # no model
    (tmp_path / "config.json").write_text("{}")
    assert sources_of_folder(tmp_path) is None
    (tmp_path / "training_record.json").write_text(json.dumps({"sources": [_source("MIT")]}))
    assert sources_of_folder(tmp_path) == [_source("MIT")]


def test_participants_are_hashed_once_and_by_source():
    once = hash_participants("lab", ["p2", "p1"])
    assert once == sorted(once)
    assert not any("p1" in name or "p2" in name for name in once)
    assert hash_participants("lab", once) == once
    assert not set(once) & set(hash_participants("other", ["p1", "p2"]))


def test_what_an_adapter_learned_from_is_not_known(tmp_path):
    """peft saves no config of the model: an adapter's folder must not pass for a processor's."""
    assert sources_of_folder(tmp_path) == []
    (tmp_path / "adapter_config.json").write_text("{}")
    assert sources_of_folder(tmp_path) is None
    with pytest.raises(EmertInputError, match="unknown"):
        push_folder(tmp_path, "somebody/adapter")
