"""The authors' checkpoints in the history of a user's clone of their repository, and what is converted of them.

Renaming the files on the web left 2 bytes of each in the last commits; the tensors are in older ones. They are read through git
itself, by path and commit, and never leave the user's machine.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

TASKS = {"er7": "discrete", "valence": "valence", "arousal": "arousal", "intensity": "in"}  # ours -> in the file's name
FOLDS = (1, 2, 3, 4, 5)
_NAME = re.compile(rf"(?:.*/)?({'|'.join(TASKS.values())})_\w*?_?set([1-5])\.pth", re.IGNORECASE)
_SMALLEST = 1 << 16  # bytes; the network takes 50 MB
_TIMEOUT_S = 600
_REMEDY = "give the folder of a complete `git clone` of the authors' repository"


@dataclass(frozen=True)
class Found:
    """One checkpoint: a blob of git, where it stood, and its size in bytes."""

    task: str
    fold: int
    blob: str
    commit: str
    path: str
    size: int


def find_checkpoints(repository: Path, task: str | None = None, fold: int | None = None) -> list[Found]:
    """The newest real file of each task and fold, or of this one, by fold and task.

    Raises `EmertInputError` where it is no clone or a shallow one, or a checkpoint that is asked for is in no commit.
    """
    if not repository.is_dir():
        raise EmertInputError(f"{repository}: no such folder; {_REMEDY}")
    shallow = _git(repository, "rev-parse", "--is-shallow-repository").decode().strip() == "true"
    versions: dict[tuple[str, int], list[Found]] = {}
    for version in _versions(repository):
        versions.setdefault((version.task, version.fold), []).append(version)
    asked = [(one, number) for number in FOLDS for one in TASKS if task in (None, one) and fold in (None, number)]
    real = {key: next((one for one in versions.get(key, ()) if one.size >= _SMALLEST), None) for key in asked}
    lacking = [key for key, found in real.items() if found is None]
    if task is None or fold is None:  # of several, those that there are
        lacking = lacking if len(lacking) == len(asked) else []
    if lacking:
        raise EmertInputError(f"{repository}: {_absent(lacking[0], versions)}{_SHALLOW if shallow else f'; {_REMEDY}'}")
    return [found for found in real.values() if found is not None]


_SHALLOW = ", and the clone is shallow: run `git fetch --unshallow` in it"


def _absent(key: tuple[str, int], versions: dict[tuple[str, int], list[Found]]) -> str:
    task, fold = key
    empty = versions.get(key, [])
    if empty:
        one = empty[0]
        return f"{one.path} of set {fold} has {one.size} bytes in commit {one.commit[:7]}, and no commit holds the tensors"
    return f"no commit holds checkpoints/**/{TASKS[task]}_..._set{fold}.pth"


def _versions(repository: Path) -> Iterator[Found]:
    """Every version of every checkpoint, the newest first."""
    log = _git(repository, "log", "--all", "--raw", "--no-abbrev", "--no-renames", "-m", "-z", "--format=%x01%H", "--", "*.pth")
    listed: list[tuple[re.Match, str, str, str]] = []
    commit, blob = "", ""
    for part in log.decode("utf-8", "replace").split("\0"):
        *heads, rest = part.split("\x01")
        if heads:
            commit, _, rest = rest.partition("\n")
            commit, rest = commit.strip(), rest.strip()
        rest = rest.strip("\n")
        if rest.startswith(":"):
            blob = rest.split()[3]
        elif rest and (match := _NAME.fullmatch(rest)) and set(blob) != {"0"}:
            listed.append((match, blob, commit, rest))
    blobs = list(dict.fromkeys(blob for _, blob, _, _ in listed))
    checked = _git(repository, "cat-file", "--batch-check", stdin="\n".join(blobs).encode() + b"\n") if blobs else b""
    sizes = {words[0]: int(words[2]) for line in checked.decode().splitlines() if len(words := line.split()) == 3}
    names = {file: task for task, file in TASKS.items()}
    for match, blob, commit, path in listed:
        yield Found(names[match[1].lower()], int(match[2]), blob, commit, path, sizes.get(blob, 0))


def write_file(repository: Path, found: Found, out: Path) -> None:
    """Writes the checkpoint. Raises `EmertInputError`."""
    with out.open("wb") as file:
        _git(repository, "cat-file", "blob", found.blob, stdout=file)


def _git(repository: Path, *arguments: str, stdin: bytes | None = None, stdout: object = subprocess.PIPE) -> bytes:
    """The output of a git command that only reads. Raises `EmertInputError`."""
    command = ["git", "-C", str(repository), "-c", "core.fsmonitor=false", "--no-pager", *arguments]
    quiet = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, input=stdin, stdout=stdout, stderr=subprocess.PIPE, env=quiet, timeout=_TIMEOUT_S)
    except FileNotFoundError as error:
        raise EmertInputError("git is not installed, which reads the history of the clone; install it") from error
    except subprocess.TimeoutExpired as error:
        raise EmertInputError(f"{repository}: git gave nothing for {_TIMEOUT_S} s; {_REMEDY}") from error
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise EmertInputError(f"{repository}: git can't read it ({reason}); {_REMEDY}")
    return done.stdout or b""


def convert_clone(repository: Path, out: Path, chosen: list[Found], **settings: object) -> list[str]:
    """Converts checkpoints into the new folder `out`: one into itself, several into `foldK/TASK`, each with the record of its
    training. `settings`: `view`, `label_order`, `sampling`, `frame_order`. Returns a line about each.
    """
    import json

    from dataset_scripts.sources.emer import EmerSource
    from modeling_emert.constants_emert import RECORD_FILE
    from modeling_emert.convert_emert_original_to_hf import WEIGHTS_SOURCE, Meaning, convert_checkpoint
    from modeling_emert.licences_emert import make_source

    sources = [make_source(EmerSource.name, EmerSource), WEIGHTS_SOURCE]
    lines = []
    with tempfile.TemporaryDirectory(prefix="emert-clone-") as folder:
        for found in chosen:
            file = Path(folder) / "checkpoint.pth"
            write_file(repository, found, file)
            place = out if len(chosen) == 1 else out / f"fold{found.fold}" / found.task
            number = found.task if found.task in ("valence", "arousal") else None
            meaning = Meaning(settings["view"], number, settings["label_order"])
            how = {name: settings[name] for name in ("sampling", "frame_order")}
            try:
                config = convert_checkpoint(file, place, True, sources, meaning, **how).config
            except EmertInputError as error:
                named = f"{found.path} in commit {found.commit[:7]}"
                raise EmertInputError(str(error).replace(str(file), named)) from error
            (place / RECORD_FILE).write_text(json.dumps(_record(found, sources), indent=2) + "\n", encoding="utf-8")
            if place != out:  # of the fold, whose networks answer as one
                together = _record(replace(found, task="er7"), sources)
                (place.parent / RECORD_FILE).write_text(json.dumps(together, indent=2) + "\n", encoding="utf-8")
            lines.append(f"{place}: {found.path} of commit {found.commit[:7]}, tasks {', '.join(config.tasks)}")
    return lines


def _record(found: Found, sources: list[dict]) -> dict:
    """What is known of the training: enough to test the model on the set that it has not seen."""
    from dataset_scripts.dataset.splits import AUTHORS_SETS
    from training.recipes.recipe import load_recipe

    recipe = load_recipe("authors_intensity" if found.task == "intensity" else "authors").to_dict()
    return {
        "method": "emert",
        "data": "emer",
        "fold": found.fold,
        "strict": False,
        "splits_sha256": AUTHORS_SETS,
        "seen_participants": [],
        "sources": sources,
        "recipe": recipe | {"tasks": [], "monitor": "score"},
        "converted": {"path": found.path, "commit": found.commit, "blob": found.blob},
    }
