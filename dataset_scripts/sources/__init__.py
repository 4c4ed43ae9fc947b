"""Sources of recordings, one file for each."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the help of the command line lists the names, without importing numpy and torch
    from dataset_scripts.sources.base import Source

# Name -> module and class; imported when it is needed.
SOURCES = {
    "synthetic": ("folder", "SyntheticSource"),
    "folder": ("folder", "FolderSource"),
    "emer": ("emer", "EmerSource"),
    "affec": ("affec", "AffecSource"),
    "uniss_fgd": ("uniss_fgd", "UnissFgdSource"),
    "ceap_360vr": ("ceap_360vr", "CeapSource"),
    "audience_effects": ("audience_effects", "AudienceEffectsSource"),
    "ferplus": ("ferplus", "FerPlusSource"),
}


def open_source(name: str, path: Path, mapping: Path | None = None, **options: Any) -> Source:
    """The source of that name over the recordings under `path`; `mapping`: its mapping file where that is not in `path`;
    `options`: as `Source.open`.

    Raises `EmertInputError` for an unknown name, no such folder, no mapping where one is needed, or one where none is.
    """
    from modeling_emert.errors_emert import EmertInputError

    source_class = find_source(name)
    if not path.is_dir():
        raise EmertInputError(f"{path}: no such folder; --path names the folder with the recordings of source {name}")
    if mapping is not None and source_class.mapping_name is None:
        raise EmertInputError(f"source {name} takes no mapping file, found {mapping}; leave out --mapping")
    return source_class.open(path, mapping, **options)


def find_source(name: str) -> type[Source]:
    """The class of that source. Raises `EmertInputError` that lists the known ones."""
    from modeling_emert.errors_emert import EmertInputError

    if name not in SOURCES:
        raise EmertInputError(f"unknown source {name!r}; known sources: {', '.join(SOURCES)}")
    module, class_name = SOURCES[name]
    return getattr(import_module(f"dataset_scripts.sources.{module}"), class_name)
