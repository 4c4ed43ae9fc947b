"""The data set as a `datasets.GeneratorBasedBuilder`, for those who build from code and want no folder of it.

    builder = EmertDatasetBuilder("er7-fold1", source="synthetic", path="recordings", cache_dir="cache")
    builder.download_and_prepare()
    data = builder.as_dataset()  # or, without preparing: builder.as_streaming_dataset()

Rows and splits are those of the folder that `emert data build` makes, made by the same code.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets import BuilderConfig, DatasetInfo, Features, GeneratorBasedBuilder, Split, SplitGenerator

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import BUILT_IN

from ..dataset.layout import visible_columns
from ..dataset.schema import row_features
from ..dataset.splits import FOLDS, SPLITS, Cell, config_name
from ..sources import open_source
from .build import Plan
from .cells import CellReport, check_reports, make_rows


@dataclass
class EmertConfig(BuilderConfig):
    """One protocol: a task, a fold that counts from 1, and whether stimuli are held out too. No task: all recordings.

    The other fields are those of `emert data build`.
    """

    task: str | None = None
    fold: int = 1
    strict: bool = False
    source: str = ""
    path: str = ""
    mapping: str | None = None
    seed: int = 0
    faces: int | None = None


def _protocols(tasks: Iterable[str], sets: bool = False) -> Iterator[EmertConfig]:
    """The configs of these tasks; `sets`: of a source whose folds are sets of its authors'."""
    for task in tasks:
        for strict in (False,) if sets else (False, True):
            for fold in range(1, FOLDS + 1):
                yield EmertConfig(name=config_name(task, fold, strict, sets), task=task, fold=fold, strict=strict)


class EmertDatasetBuilder(GeneratorBasedBuilder):
    """Builds one config from the recordings on disk: of a built-in task, or of an own one that the source defines.

    Other recordings, settings or code use another cache of `download_and_prepare`, so it is never out of date.
    """

    BUILDER_CONFIG_CLASS = EmertConfig
    BUILDER_CONFIGS = [EmertConfig(name="all"), *_protocols(BUILT_IN)]  # noqa: RUF012 (as in the base class)
    DEFAULT_WRITER_BATCH_SIZE = 16  # rows held in memory, each with its faces

    def __init__(
        self,
        config_name: str = "all",
        *,
        source: str,
        path: str | Path,
        mapping: str | Path | None = None,
        seed: int = 0,
        faces: int | None = None,
        cache_dir: str | Path | None = None,
    ):
        """Raises `EmertInputError` for no such config, one that the source has not, and recordings that are not valid."""
        opened = open_source(source, Path(path), None if mapping is None else Path(mapping))
        tasks = opened.tasks if opened.gives_sets else [name for name in opened.tasks if name not in BUILT_IN]
        own = {config.name: config for config in _protocols(tasks, opened.gives_sets)}
        known = [*(config.name for config in self.BUILDER_CONFIGS), *own]
        if config_name not in known:
            raise EmertInputError(f"config {config_name!r}: no such config; expected one of {', '.join(known)}")
        self._plan = Plan.of(opened, faces, seed)
        settings = {"source": source, "path": str(path), "mapping": mapping and str(mapping), "seed": seed, "faces": faces}
        if config := own.get(config_name):
            self.BUILDER_CONFIGS = []  # of this object: the base class then makes the config from its fields
            settings |= {"task": config.task, "fold": config.fold, "strict": config.strict}
        super().__init__(cache_dir, config_name=config_name, hash=self._plan.fingerprint.freshness, **settings)
        self._cells = self._choose_cells()

    def _choose_cells(self) -> dict[str, list[Cell]]:
        """The cells of every split of the config that hold recordings."""
        config, plan = self.config, self._plan
        if config.task is None:
            return {"train": list(plan.members)}
        where = f"{config.path}: config {config.name}"
        if config.task not in plan.source.tasks:
            raise EmertInputError(f"{where}: source {config.source} has the tasks {', '.join(plan.source.tasks)}")
        right = plan.assignment.config_name(config.task, config.fold, config.strict)
        if config.name not in (right, "all") and not config.strict:
            raise EmertInputError(f"{where}: the folds of this source are its authors' sets; expected {right}")
        folds, groups = plan.assignment.folds, plan.assignment.groups
        tested = plan.assignment.tested_folds
        if config.fold not in tested or config.strict not in plan.assignment.versions:
            some = "" if len(tested) == folds else f", of which {', '.join(map(str, tested))} is tested,"
            raise EmertInputError(
                f"{where}: the recordings make {folds} folds{some} and {groups} groups of stimuli; strict needs 3"
            )
        cells = plan.assignment.split_cells(config.fold, config.strict)
        chosen = {split: [cell for cell in cells[split] if cell in plan.members] for split in SPLITS}
        empty = [split for split in SPLITS if not chosen[split]]
        if empty:
            raise EmertInputError(f"{where}: no recording falls into {', '.join(empty)}; more recordings are needed")
        return chosen

    def _info(self) -> DatasetInfo:
        source, features = self._plan.source, row_features(self._plan.source.tasks, self._plan.source.extra_columns)
        if self.config.task is not None:
            features = Features(
                {name: features[name] for name in visible_columns(self.config.task, tuple(source.tasks), source.extra_columns)}
            )
        return DatasetInfo(source.collection, source.citation, license=source.licence, features=features)

    def _split_generators(self, dl_manager) -> list[SplitGenerator]:
        return [SplitGenerator(Split(name), gen_kwargs={"cells": cells}) for name, cells in self._cells.items()]

    def _generate_examples(self, cells: list[Cell]) -> Iterator[tuple[str, dict]]:
        """`cells` is a list, so that `download_and_prepare(num_proc=...)` can divide it."""
        plan = self._plan
        for cell in cells:
            report = CellReport.begin(cell, plan.source)
            for row in make_rows(plan.source, plan.members[cell], plan.faces, report):
                yield row["recording_id"], {name: row[name] for name in self.info.features}
            check_reports([report])
