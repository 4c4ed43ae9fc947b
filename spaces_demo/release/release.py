"""One release: checks first, then every repository that differs from it, in one commit each."""

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dataset_scripts.checks.result import CheckResult
from dataset_scripts.checks.verify import format_results
from dataset_scripts.common.hub_repository import Repository, check_name, find_state, log_in, upload
from dataset_scripts.publish import is_data_file
from modeling_emert.errors_emert import EmertInputError

from .checks import check_all, size_of
from .parts import collect

_HUBS_OWN = ".gitattributes"


def release(
    namespace: str,
    model: Path,
    data: Path | None,
    without: Collection[str] = (),
    private: bool = False,
    confirm: Collection[str] = (),
    dry_run: bool = False,
) -> bool:
    """Prints every step; gives whether all checks passed. If one fails, or with `dry_run`, nothing is uploaded.

    What is on the Hub already as it shall be is left alone, so that the same call completes one that was stopped.
    `without`: parts (see `parts.PARTS`) that are left out. `confirm`: see `check_sharing`.

    Raises `EmertInputError` where a folder holds no model or no data set; nobody is logged in; or the Hub refuses.
    """
    check_name(f"--namespace {namespace!r}", f"{namespace}/emert")
    with tempfile.TemporaryDirectory(prefix="emert-release-") as work:
        repositories = collect(namespace, model, data, without, Path(work))
        of_model = model if {"model", "space"} - set(without) else None
        results = check_all(repositories, of_model, None if "data" in without else data, private, confirm)
        if dry_run:
            print("\n".join(_tree(repositories)), end="\n\n")
        print(format_results(results))
        passed = not _failed(results)
        if not passed:
            print("\nnothing was uploaded, since a check fails")
        elif dry_run:
            print("\nnothing was uploaded (--dry-run)")
        else:
            _upload(repositories, private)
        return passed


def _failed(results: list[CheckResult]) -> bool:
    return any(result.status == "fail" for result in results)


def _upload(repositories: Mapping[str, Repository], private: bool) -> None:
    """Every repository is looked at before the first one changes."""
    first = next(iter(repositories.values()))
    api, _ = log_in(first.name)
    states = {part: find_state(api, repository, private) for part, repository in repositories.items()}
    for part, repository in repositories.items():
        ours = is_data_file if repository.kind == "dataset" else lambda name: name != _HUBS_OWN
        try:
            changed = upload(api, repository, states[part], private, "Release of EMERT", ours)
        except EmertInputError as error:
            raise EmertInputError(f"{error}; the same command goes on from here") from error
        print(f"{repository.address}: {'uploaded' if changed else 'there already, as it is'}")


def _tree(repositories: Mapping[str, Repository]) -> Iterator[str]:
    """What goes where; of folders and the code the number of files."""
    for part, repository in repositories.items():
        sizes, files = Counter(), Counter()
        for name, content in repository.files.items():
            top, below, _ = name.partition("/")
            row = "*_emert.py" if name.endswith("_emert.py") and not below else top + below
            sizes[row] += size_of(content)
            files[row] += 1
        yield f"{part} -> {repository.address} ({sum(files.values())} files, {_shown(sum(sizes.values()))})"
        for name in sorted(sizes):
            many = f", {files[name]} files" if files[name] > 1 else ""
            yield f"    {name} ({_shown(sizes[name])}{many})"


def _shown(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
