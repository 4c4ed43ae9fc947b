"""Which recordings a model is tested on: none of anybody, or in a strict protocol of anything, that it has seen."""

import numpy as np
import pytest

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.evaluation.protocols import Protocol, parse_protocols, plan_trials
from training.reports.results import make_header


def _record(data: EmertData, fold: int = 1, strict: bool = False) -> dict:
    rows = data.select(fold, strict)
    seen = data.ids["participant_id"][np.concatenate([rows["train"], rows["validation"]])]
    return {
        "data": data.metadata.source,
        "splits_sha256": data.assignment.sha256,
        "fold": fold,
        "strict": strict,
        "seen_participants": sorted(set(map(str, seen))),
    }


def _plan(data: EmertData, record: dict, *names: str):
    return plan_trials(data, record, ["er7", "fer7"], parse_protocols(names))


@pytest.mark.parametrize("name", ["er7-fold1", "er_va-strict-fold12"])
def test_names_are_those_of_the_data_sets_configs(name: str):
    assert Protocol.parse(name).name == name


@pytest.mark.parametrize("name", ["er7", "er9-fold1", "er7-fold0", "er7-fold", "er7-strict", "er7-fold1-strict", ""])
def test_other_names_are_refused_with_an_example(name: str):
    with pytest.raises(EmertInputError, match="TASK-foldN"):
        Protocol.parse(name)


def test_plain_and_strict_in_one_call_would_count_a_recording_twice():
    with pytest.raises(EmertInputError, match="evaluate them apart"):
        parse_protocols(["er7-fold1", "er7-strict-fold1"])


def test_the_rows_are_those_of_the_protocol_and_its_tasks_share_them(data: EmertData):
    [trial] = _plan(data, _record(data), "er7-fold1", "fer7-fold1")
    np.testing.assert_array_equal(trial.rows, data.select(1)["test"])
    assert (trial.tasks, trial.fold) == (("er7", "fer7"), 1)


def test_each_fold_is_a_trial_of_its_own_tasks(data: EmertData):
    stranger = _record(data) | {"data": "another source"}
    trials = _plan(data, stranger, "er7-fold2", "fer7-fold1", "fer7-fold2")
    assert [(trial.fold, trial.tasks) for trial in trials] == [(2, ("er7", "fer7")), (1, ("fer7",))]
    for trial in trials:
        np.testing.assert_array_equal(trial.rows, data.select(trial.fold)["test"])


def test_folds_of_authors_sets_are_refused_where_there_are_none(data: EmertData):
    with pytest.raises(EmertInputError, match="has no such folds; its own are as er7-fold1"):
        _plan(data, _record(data), "er7-authors-fold1")


@pytest.mark.parametrize("fold", [2, 3])
def test_a_protocol_with_people_whom_the_model_has_seen_is_refused(data: EmertData, fold: int):
    with pytest.raises(EmertInputError, match="has seen 1 of its test participants"):
        _plan(data, _record(data), f"er7-fold{fold}")


def test_a_strict_protocol_wants_a_model_that_has_not_seen_its_stimuli(data: EmertData):
    with pytest.raises(EmertInputError, match="of its stimuli"):
        _plan(data, _record(data), "er7-strict-fold1")
    [trial] = _plan(data, _record(data, strict=True), "er7-strict-fold1")
    np.testing.assert_array_equal(trial.rows, data.select(1, strict=True)["test"])


def test_after_other_splits_of_the_same_people_nobody_knows_the_stimuli(data: EmertData):
    record = _record(data, strict=True) | {"splits_sha256": "another"}
    with pytest.raises(EmertInputError, match="the stimuli that it has seen are unknown"):
        _plan(data, record, "er7-strict-fold1")


def test_another_source_has_other_people_whatever_they_are_called(data: EmertData):
    record = _record(data) | {"data": "another", "splits_sha256": "another"}
    assert len(_plan(data, record, "er7-fold2")[0].rows) == len(data.select(2)["test"])


def test_a_task_that_the_model_was_not_trained_for_is_refused(data: EmertData):
    with pytest.raises(EmertInputError, match=r"the tasks of both model and data are er7, fer7"):
        _plan(data, _record(data), "er_va-fold1")


def test_nobody_whom_the_model_has_seen_is_tested_though_the_splits_are_its_own(data: EmertData):
    """As where the model was trained on a data set whose files did not keep to its splits."""
    record = _record(data)
    name = str(data.ids["participant_id"][data.select(1)["test"][0]])
    record["seen_participants"] = [*record["seen_participants"], name]
    with pytest.raises(EmertInputError, match=rf"has seen 1 of its test participants \({name}, ...\); .* train it again"):
        _plan(data, record)


def test_a_model_of_strict_splits_is_not_called_so_on_other_splits_of_its_source(data: EmertData):
    record = _record(data, strict=True) | {"splits_sha256": "another"}
    with pytest.raises(EmertInputError, match="the stimuli that it has seen are unknown"):
        _plan(data, record)
    assert len(_plan(data, record | {"strict": False})[0].rows), "new participants are promised there, and no more"


def test_the_header_promises_a_fold_only_where_a_fold_was_tested(data: EmertData):
    record = _record(data, strict=True) | {"recipe": {"normalisation": "training", "seed": 0}}
    own = make_header(data, [record], "emert evaluate")
    assert own.split.startswith("participants and stimuli both new, test of fold 1 of")
    elsewhere = make_header(data, [record | {"data": "folder"}], "emert evaluate")
    assert elsewhere.split.startswith("new participants, all that the model has not seen;")
    assert not elsewhere.strict
