"""An explanation is of the answer that was given: on the inputs that each task was answered from, and of nothing else."""

import numpy as np
import pytest
from tiny_emert import face_track, gaze, tiny_model

from modeling_emert import EmertProcessor, Recording
from modeling_emert.answers_emert import answers, model_inputs
from modeling_emert.explain_emert import explain


def _test(task: str, inputs: list[str], low: float) -> dict:
    scores = {"uar": [low + 0.05, low, low + 0.1]}
    return {"task": task, "inputs": inputs, "source": "study", "unseen": "40 people", "scores": scores}


FACE_ALONE = _test("fer7", ["pixel_values"], 0.6)
TOLD_FROM_BOTH = _test("er3", ["pixel_values", "fixations"], 0.5)
NOT_TOLD = _test("er3", ["fixations"], 0.3)


@pytest.mark.parametrize("felt", [TOLD_FROM_BOTH, NOT_TOLD], ids=["felt is told", "felt is not told"])
def test_the_explained_probability_is_the_answers(felt: dict):
    model = tiny_model(tasks=["fer7", "fer3", "er3"], hierarchical=True, face_input="both", evidence=[FACE_ALONE, felt]).eval()
    processor = EmertProcessor.for_config(model.config, 32)
    recordings = [Recording(face_track(seed=1), gaze(seed=1)), Recording(face_track(seed=2))]
    explained: list[dict] = []  # of each run with everything, the logits by task

    def watched(**inputs):
        output = model(**inputs)
        if inputs.get("output_attentions"):
            explained.append(output.logits)
        return output

    found = explain(watched, model.config, model_inputs(model, processor, recordings))
    given = answers(model, processor, recordings)
    assert len(explained) == (2 if felt is TOLD_FROM_BOTH else 1)  # what is not told is not explained
    for index in range(2):
        shown = explained[0]["fer7"][index].softmax(0)
        np.testing.assert_allclose(shown, list(given[index]["tasks"]["fer7"].values()), atol=1e-4)
    for task in ("fer7", "fer3"):
        assert found.answered_from[task].tolist() == [[True, False, False]] * 2
        assert np.isnan(found.contributions[task]).all()
    expected = [[True, False, True], [False] * 3] if felt is TOLD_FROM_BOTH else [[False] * 3] * 2
    assert found.answered_from["er3"].tolist() == expected
    if felt is NOT_TOLD:
        np.testing.assert_allclose(found.attention, [[1, 0, 0]] * 2, atol=1e-6)
        assert np.isnan(found.contributions["er3"]).all()
        return
    both = explained[1]["er3"][0].softmax(0)
    np.testing.assert_allclose(both, list(given[0]["tasks"]["er3"].values()), atol=1e-4)
    assert np.isfinite(found.contributions["er3"][0]).tolist() == [True, False, True]
    assert 0 < found.attention[0, 2] < 0.5  # the mean of an answer from both and one from the face alone
    np.testing.assert_allclose(found.attention.sum(axis=1), 1, rtol=1e-5)


def test_where_nothing_is_told_there_is_nothing_to_explain():
    model = tiny_model(tasks=["er3"], evidence=[NOT_TOLD]).eval()
    processor = EmertProcessor.for_config(model.config, 32)
    found = explain(model, model.config, model_inputs(model, processor, [Recording(None, gaze())]))
    assert not found.attention.any()
    assert not found.answered_from["er3"].any()
