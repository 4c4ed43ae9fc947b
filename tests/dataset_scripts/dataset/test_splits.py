"""No participant, and in the strict version no stimulus, on two sides of any split."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import modeling_emert
from dataset_scripts.dataset.splits import SPLITS, assign, config_name, split_cells, versions
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from dataset_scripts.sources.base import Entry
from modeling_emert.errors_emert import EmertInputError

TASKS = ("er3", "er7")


def make_entries(participants=12, stimuli=9, kept=1.0, seed=0) -> list[Entry]:
    """As generated, of which a share is kept."""
    rng = random.Random(seed)
    truths = make_truth(GeneratorSettings(participants=participants, stimuli=stimuli, seed=seed))
    entries = [Entry(one.recording_id, one.person.name, one.stimulus.name, one.labels) for one in truths]
    return [entry for entry in entries if rng.random() < kept]


def sides(entries, assignment, fold, strict) -> dict[str, list[Entry]]:
    """The recordings of each split."""
    cells = split_cells(assignment.folds, assignment.groups, fold, strict)
    return {split: [entry for entry in entries if assignment.cell(entry) in cells[split]] for split in SPLITS}


def shared(parts: dict[str, list[Entry]], of: str) -> set[str]:
    """Participants (stimuli) that are on more than one side."""
    counts = Counter(name for part in parts.values() for name in {getattr(entry, of) for entry in part})
    return {name for name, count in counts.items() if count > 1}


SIZES = [(3, 1, 1.0), (3, 3, 1.0), (4, 4, 1.0), (5, 5, 1.0), (6, 7, 1.0), (12, 9, 1.0), (23, 11, 0.6), (9, 8, 0.4)]


@pytest.mark.parametrize(("participants", "stimuli", "kept"), SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_participant_is_on_two_sides_and_in_strict_no_stimulus_either(participants, stimuli, kept, seed):
    entries = make_entries(participants, stimuli, kept, seed)
    assignment = assign(entries, TASKS, seed)
    for strict in versions(assignment.groups):
        for fold in range(1, assignment.folds + 1):
            parts = sides(entries, assignment, fold, strict)
            assert shared(parts, "participant") == set()
            if strict:
                assert shared(parts, "stimulus") == set()


@pytest.mark.parametrize(("participants", "stimuli", "kept"), SIZES)
def test_each_recording_is_tested_once_and_none_is_lost_in_the_plain_version(participants, stimuli, kept):
    entries = make_entries(participants, stimuli, kept)
    assignment = assign(entries, TASKS, 0)
    tested = Counter()
    for fold in range(1, assignment.folds + 1):
        parts = sides(entries, assignment, fold, False)
        assert all(parts.values())
        assert sum(map(len, parts.values())) == len(entries)
        tested.update(entry.recording_id for entry in parts["test"])
    assert tested == Counter(entry.recording_id for entry in entries)


@pytest.mark.parametrize("fold", range(1, 6))
def test_of_the_authors_sets_every_cell_is_used_once_and_one_group_of_people_validates(fold: int):
    parts = split_cells(5, 4, fold, strict=False, sets=True)
    every = [(row, group) for row in range(1, 6) for group in range(1, 5)]
    assert sorted(cell for cells in parts.values() for cell in cells) == every
    assert {row for row, _ in parts["test"]} == {fold}
    assert {group for _, group in parts["validation"]} == {fold % 4 + 1}


@pytest.mark.parametrize("people", [5, 13])
def test_groups_of_people_lie_over_all_sets_so_that_every_fold_can_validate(people: int):
    entries = [Entry(f"r{number}", f"p{number}", "s", {}, fold=number % 5 + 1) for number in range(people)]
    assignment = assign(entries, TASKS, 0, given_folds=(1, 2, 3, 4, 5), gives_sets=True)
    placed = [(entry.fold, assignment.participants[entry.participant]) for entry in entries]
    assert {group for _, group in placed} == {1, 2, 3, 4, 5}
    assert max(Counter(placed).values()) == 1  # within a set the groups take turns
    for fold in range(1, 6):
        validation = split_cells(5, 5, fold, strict=False, sets=True)["validation"]
        assert set(validation) & set(placed)


def test_validation_is_as_large_as_a_test_fold_and_drawn_from_the_others():
    entries = make_entries()
    assignment = assign(entries, TASKS, 0)
    for fold in range(1, 6):
        parts = sides(entries, assignment, fold, False)
        assert {entry.participant for entry in parts["validation"]} == {
            name for name, number in assignment.participants.items() if number == fold % 5 + 1
        }


def test_a_strict_split_leaves_out_what_shares_a_participant_or_a_stimulus():
    for cells in (split_cells(5, 5, fold, True) for fold in range(1, 6)):
        assert (len(cells["train"]), len(cells["validation"]), len(cells["test"])) == (9, 1, 1)
    tests = [split_cells(5, 5, fold, True)["test"][0] for fold in range(1, 6)]
    assert {row for row, _ in tests} == {group for _, group in tests} == set(range(1, 6))


def test_the_order_of_the_recordings_does_not_matter():
    entries = make_entries(kept=0.7)
    shuffled = random.Random(5).sample(entries, len(entries))
    assert assign(shuffled, TASKS, 3).to_json() == assign(entries, TASKS, 3).to_json()


def test_the_seed_decides():
    entries = make_entries()
    assert assign(entries, TASKS, 0) == assign(entries, TASKS, 0)
    assert assign(entries, TASKS, 0).participants != assign(entries, TASKS, 1).participants


@pytest.mark.slow
def test_folds_do_not_hang_on_the_hash_seed_of_python():
    """A public toolkit's do, since it iterates a set."""
    code = (
        "import sys, types\n"
        "package = sys.modules['modeling_emert'] = types.ModuleType('modeling_emert')\n"  # without torch: seconds
        "package.__path__ = [sys.argv[1]]\n"
        "from dataset_scripts.sources.base import Entry\n"
        "from dataset_scripts.dataset.splits import assign\n"
        "cells = {(f'p{p}', f's{s}') for p in range(17) for s in range(9)}\n"
        "names = ['positive', 'negative', 'neutral']\n"
        "entries = [Entry(f'{p}-{s}', p, s, {'er3': names[len(p + s) % 3]}) for p, s in cells]\n"
        "print(list(cells)[0], assign(entries, ('er3',), 0).to_json(), sep='|')"
    )
    folder = str(Path(modeling_emert.__file__).parent)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2")
    ]
    (first, one), (second, two) = (process.communicate(timeout=120)[0].split(b"|") for process in started)
    assert first != second  # else nothing would have been tried
    assert len(json.loads(one)["participants"]) == 17
    assert one == two


def test_fewer_than_three_participants_are_refused_by_name():
    with pytest.raises(EmertInputError, match=r"at least 3 participants.*p000.*p001"):
        assign(make_entries(participants=2), TASKS, 0)


@pytest.mark.parametrize("stimuli", [1, 2, 3, 4])
def test_fewer_than_five_stimuli_are_as_many_groups(stimuli):
    assignment = assign(make_entries(stimuli=stimuli), TASKS, 0)
    assert assignment.groups == stimuli
    assert sorted(assignment.stimuli.values()) == list(range(1, stimuli + 1))
    assert versions(assignment.groups) == ((False, True) if stimuli >= 3 else (False,))


@pytest.mark.parametrize("participants", [3, 4, 5, 6, 7, 13])
def test_no_fold_is_empty(participants):
    for seed in range(10):
        assignment = assign(make_entries(participants, 6, 0.8, seed), TASKS, seed)
        assert set(assignment.participants.values()) == set(range(1, min(5, participants) + 1))
        assert set(assignment.stimuli.values()) == set(range(1, 6))


def test_every_fold_has_about_the_same_mix_of_labels():
    entries = make_entries(participants=60, stimuli=14)
    assignment = assign(entries, TASKS, 0)

    def mix(part):
        counts = Counter(entry.labels["er3"] for entry in part)
        return np.array([counts[name] / len(part) for name in ("positive", "negative", "neutral")])

    whole = mix(entries)
    for fold in range(1, 6):
        part = sides(entries, assignment, fold, False)["test"]
        assert 0.15 < len(part) / len(entries) < 0.25
        np.testing.assert_allclose(mix(part), whole, atol=0.05)


def test_participants_who_feel_one_thing_each_are_spread_over_the_folds():
    names = ["positive", "negative", "neutral"]
    entries = [
        Entry(f"p{person:02d}-s{clip}", f"p{person:02d}", f"s{clip}", {"er3": names[person // 5]})
        for person in range(15)
        for clip in range(4)
    ]
    assignment = assign(entries, ("er3",), 0)
    for fold in range(1, 6):
        felt = Counter(names[int(name[1:]) // 5] for name, number in assignment.participants.items() if number == fold)
        assert felt == Counter(names)


def test_recordings_without_labels_are_split_as_well():
    entries = [Entry(f"p{person}-s{clip}", f"p{person}", f"s{clip}", {}) for person in range(5) for clip in range(5)]
    assignment = assign(entries, ("er_va",), 0)
    assert sorted(assignment.participants.values()) == [1, 2, 3, 4, 5]


def test_the_stored_form_holds_a_hash_that_changes_with_the_content():
    entries = make_entries()
    first, second = (json.loads(assign(entries, TASKS, seed).to_json()) for seed in (0, 1))
    assert set(first) == {"seed", "participants", "stimuli", "sha256"}
    assert first["sha256"] != second["sha256"]


def test_names_of_configs():
    assert (config_name("er7", 1, False), config_name("er7", 1, True)) == ("er7-fold1", "er7-strict-fold1")
