"""docs/authors_choices.md names every field of the config, and each default as it really is."""

import json
import re
from dataclasses import fields

import pytest
from places import ROOT
from transformers.configuration_utils import PreTrainedConfig

from modeling_emert import EmertConfig

PAGE = ROOT / "docs" / "authors_choices.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
STATED = [pair for row in ROWS for pair in re.findall(r"`(\w+) = ([^`]+)`", row.split("|")[1])]
OWN = {field.name for field in fields(EmertConfig)} - {field.name for field in fields(PreTrainedConfig)}


@pytest.mark.parametrize(("field", "default"), STATED, ids=[field for field, _ in STATED])
def test_the_stated_default_is_the_real_one(field: str, default: str):
    assert field in OWN
    assert getattr(EmertConfig(), field) == json.loads(default)


def test_every_field_is_named_once_in_the_first_column():
    named = [name for row in ROWS for name in re.findall(r"`(\w+)(?: = [^`]+)?`", row.split("|")[1])]
    assert sorted(named) == sorted(OWN)


def test_variants_that_the_page_names_are_as_it_says():
    va, er7, intensity = (EmertConfig.authors(name) for name in ("va", "er7", "er7_intensity"))
    assert all(f'"{name}"' in PAGE.read_text() for name in ("va", "er7", "er7_intensity"))
    assert [va.hidden_size, *va.head_sizes] == [64, 32, 16, 8]
    assert [er7.encoder_size, *er7.projection_sizes] == [128, 64, 32]
    assert (intensity.projection_sizes, intensity.head_sizes) == (EmertConfig().projection_sizes, EmertConfig().head_sizes)
