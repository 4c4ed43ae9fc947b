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


def open_source(name: str, path: Path, mapping: Path | None = None) -> Source:
    """The source of that name over the recordings under `path`.

    `mapping`: for sources with a mapping file, where it lies elsewhere than in `path`.

    Raises:
        EmertInputError: an unknown name, no such folder, no mapping where one is needed, or one where none is.
    """
    if name not in SOURCES:
        raise EmertInputError(f"unknown source {name!r}; known sources: {', '.join(SOURCES)}")
    if not path.is_dir():
        raise EmertInputError(f"{path}: no such folder; --path names the folder with the recordings of source {name}")
    module, class_name = SOURCES[name]
    source_class = getattr(import_module(f"dataset_scripts.sources.{module}"), class_name)
    if mapping is not None and source_class.mapping_name is None:
        raise EmertInputError(f"source {name} takes no mapping file, found {mapping}; leave out --mapping")
    return source_class(path, mapping)
