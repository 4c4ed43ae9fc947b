"""How fast each reader is, on one core: megabytes of an export a second, on generated files of about 40 MB."""

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from .generator.exports import WRITERS, export
from .readers import READERS
from .readers.text.text_table import read_head

FILE_BYTES = 40_000_000
REPEATS = 3
_SMALL = 600  # samples, from which the number for a large file follows


def measure_readers(work: Path) -> Iterator[tuple[str, float, str]]:
    """Format, MB/s (median of three, the files in the page cache, no detection of fixations), and what was read.

    `work`: a folder; the exports are kept there and used again. Neighbours that a reader takes count with their bytes.
    """
    for name in WRITERS:
        path, size = _write(work / f"exports-{FILE_BYTES // 1_000_000}MB" / name, name)
        with one_core():
            seconds = [_time_reading(path) for _ in range(REPEATS + 1)][1:]  # the first one warms up
        files = len(list(path.parent.iterdir()))
        what = f"generated, {size / 1e6:.0f} MB in {files} file{'s' if files > 1 else ''}, one core"
        yield name, size / 1e6 / statistics.median(seconds), what


def _write(folder: Path, name: str) -> tuple[Path, int]:
    """The file to read, and the bytes of it and its neighbours."""
    small = export(name, _SMALL)
    first = next(iter(small))
    if not folder.is_dir():
        samples = int(FILE_BYTES / sum(map(len, small.values())) * _SMALL)
        partial = folder.with_name(f".{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for file, data in export(name, samples).items():
            (partial / file).write_bytes(data)
        os.replace(partial, folder)
    return folder / first, sum(file.stat().st_size for file in folder.iterdir())


def _time_reading(path: Path) -> float:
    start = time.perf_counter()
    head = read_head(path)
    reader, header = next((reader, header) for reader in READERS if (header := reader.find_header(head)) is not None)
    reader.read(head, header)
    return time.perf_counter() - start


@contextmanager
def one_core() -> Iterator[None]:
    """All threads of this process on a single core, where the system can do that, and Arrow with one thread of its own."""
    threads, cores = pa.cpu_count(), None
    pa.set_cpu_count(1)
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        _pin({min(cores)})
    try:
        yield
    finally:
        pa.set_cpu_count(threads)
        if cores is not None:
            _pin(cores)


def _pin(cores: set[int]) -> None:
    tasks = Path("/proc/self/task")  # one call without it is for this thread alone
    for thread in [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]:
        try:
            os.sched_setaffinity(thread, cores)
        except OSError:  # it ended just now
            continue
