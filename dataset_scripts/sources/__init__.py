"""Where recordings come from: one small file a source."""

from importlib import import_module
from pathlib import Path

from dataset_scripts.source import Source
from modeling_emert.errors_emert import EmertInputError

# Name -> module and class; imported only when asked for.
SOURCES = {
    "synthetic": ("synthetic", "SyntheticSource"),
    "uniss_fgd": ("uniss_fgd", "UnissFgdSource"),
    "ceap_360vr": ("ceap_360vr", "CeapSource"),
}


def open_source(name: str, path: Path) -> Source:
    """The source of that name over the recordings under `path`. Raises `EmertInputError` for an unknown name or folder."""
    if name not in SOURCES:
        raise EmertInputError(f"unknown source {name!r}; known sources: {', '.join(SOURCES)}")
    if not path.is_dir():
        raise EmertInputError(f"{path}: no such folder; --path names the folder with the recordings of source {name}")
    module, class_name = SOURCES[name]
    return getattr(import_module(f"dataset_scripts.sources.{module}"), class_name)(path)
