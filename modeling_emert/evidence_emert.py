"""How far an answer can be believed: what the weights scored on people and stimuli that they had never seen.

`config.evidence` lists tests, each a dictionary as JSON holds it:

- `task`; `inputs`: the model's arguments that it was answered from, such as `["pixel_values"]`; `source` of the recordings.
- `unseen`: what was new to the model, in words, such as "3,518 photographs" or "16 people and 4 clips".
- `scores`: by metric `[value, low, high]`, the ends of a 95 % interval; the task's primary metric is among them.

A task with tests is answered from the inputs of one of them alone, so that nothing that was never tested moves the answer; and
it is *told* only where every test with these inputs lies beyond chance. Without `config.evidence` nobody has said how far to
believe the model: every task is answered from all inputs.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .tasks_emert import get_task

Test = Mapping[str, Any]
# Words for the model's arguments, in the order of `constants_emert.MASK_OF`.
INPUT_WORDS = {
    "pixel_values": "the face",
    "action_units": "the face's action units",
    "eye_movements": "the eye movements",
    "fixations": "the fixations",
}
_VIEWS = {"er": "What is felt", "fer": "What the face shows", "perceived": "What the stimulus shows"}
_METRICS = {"uar": "mean recall of the classes", "accuracy": "accuracy", "ccc": "concordance"}


def problem_of(evidence: Any, tasks: Collection[str]) -> str | None:
    """What is wrong with a config's `evidence`, or None."""
    for number, test in enumerate(evidence):
        if not isinstance(test, Mapping) or not {"task", "inputs", "source", "unseen", "scores"} <= set(test):
            return f"evidence[{number}] must have task, inputs, source, unseen and scores, got {str(test)[:80]}"
        if test["task"] not in tasks:
            return f"evidence[{number}] is of task {test['task']!r}, but tasks is {list(tasks)}"
        if not test["inputs"] or not set(test["inputs"]) <= set(INPUT_WORDS):
            return f"evidence[{number}].inputs is {test['inputs']}, expected some of {', '.join(INPUT_WORDS)}"
        if len(test["scores"].get(get_task(test["task"]).primary_metric, ())) != 3:
            return f"evidence[{number}].scores needs {get_task(test['task']).primary_metric} as [value, low, high]"
    return None


def ground_of(evidence: Sequence[Test], task: str, given: Collection[str]) -> tuple[tuple[str, ...], list[Test]] | None:
    """The inputs to answer a task from, and the tests with them: of those that are given, the best beyond chance.

    `given`: the model's arguments that the recording has. None where no test was made with any of them.
    """
    by_inputs: dict[tuple[str, ...], list[Test]] = {}
    for test in evidence:
        if test["task"] == task and set(test["inputs"]) <= set(given):
            by_inputs.setdefault(tuple(name for name in INPUT_WORDS if name in test["inputs"]), []).append(test)
    return max(by_inputs.items(), key=lambda found: min(map(_margin, found[1])), default=None)


def is_beyond_chance(tests: Sequence[Test]) -> bool:
    """Whether the whole interval of every test is better than chance."""
    return all(_margin(test) > 0 for test in tests)


def chance_of(task: str) -> float:
    """The primary metric of an answer that knows nothing."""
    return 1 / get_task(task).size if get_task(task).kind == "classification" else 0.0


def words_of(task: str, inputs: Sequence[str], tests: Sequence[Test]) -> str:
    """What the answer to a task rests on, or why it can't be told; one sentence."""
    view = _VIEWS.get(get_task(task).view, task)
    source = " and ".join(INPUT_WORDS[name] for name in inputs)
    if not tests:
        return f"{view} can't be told from {source}: the model was never tested on that."
    measured = "; ".join(_measured(task, test) for test in tests)
    if is_beyond_chance(tests):
        return f"{view} rests on {source}: {measured}."
    end = "" if all(_is_everything(task, test) for test in tests) else ", which is not beyond chance"
    return f"{view} can't be told from {source}: {measured}{end}."


def _measured(task: str, test: Test) -> str:
    metric = get_task(task).primary_metric
    where = f"on {test['unseen']} of {test['source']} that it had not seen"
    if _is_everything(task, test):
        return f"{where}, too few for a score"
    names = (["accuracy"] if "accuracy" in test["scores"] else []) + [metric]
    parts = []
    for name in names:
        value, low, high = test["scores"][name]
        chance = f" (chance {chance_of(task):.2f})" if name == metric else ""
        parts.append(f"{_METRICS.get(name, name)} {value:.2f} [{low:.2f}, {high:.2f}]{chance}")
    return f"{where}, {' and '.join(parts)}"


def _is_everything(task: str, test: Test) -> bool:
    """Whether the interval holds every value that there can be."""
    metric = get_task(task).primary_metric
    return tuple(test["scores"][metric][1:]) == (-1.0 if metric == "ccc" else 0.0, 1.0)


def _margin(test: Test) -> float:
    """By how much the lower end of the primary metric's interval is above chance."""
    return test["scores"][get_task(test["task"]).primary_metric][1] - chance_of(test["task"])
