"""Speed and size on generated recordings: each reader, and building, opening and one epoch of a data set.

`emert data benchmark` prints one line for each figure with what it was measured on; nothing else should be running. The size of
a recording is EMER's: 1,466 samples x 39 (24.4 s at 60 Hz), 32 face crops of a drawn video of 128 x 128 pixels at 2 frames a
second; a larger video costs more to decode.
"""

import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow as pa

from .build.build import build
from .dataset.reader import EmertData
from .generator.exports import WRITERS, export
from .generator.truth import GeneratorSettings
from .generator.writing import generate
from .readers import READERS
from .readers.text.text_table import read_head
from .sources import open_source

FILE_BYTES = 40_000_000  # of an export
REPEATS = 3
_SMALL = 600  # samples of a small export, from whose size the samples of a large one follow
SECONDS = 24.43  # of a recording: 1,466 samples at 60 Hz
STIMULI = 11
_SAMPLING_S = 0.2


@dataclass(frozen=True)
class Figure:
    """One measured number. `what` says on which data."""

    name: str
    value: float
    unit: str
    what: str

    def __str__(self) -> str:
        return f"{self.name:<42} {self.value:>9.2f} {self.unit:<16} {self.what}"


@dataclass
class PeakMemory:
    """Highest memory of this process and its children together, in MB; shared pages count once."""

    megabytes: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._stop.wait(_SAMPLING_S):
            total = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # it ended just now
                    continue
            self.megabytes = max(self.megabytes, total / 1e6)

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator["PeakMemory"]:
        """Measures while the block runs."""
        peak = cls()
        thread = threading.Thread(target=peak._watch, daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            peak._stop.set()
            thread.join()


def measure_readers(work: Path) -> Iterator[Figure]:
    """MB/s of each reader on one core: the median of three, files in the page cache, without detection of fixations.

    `work`: a folder for the generated exports of 40 MB each, which are kept there and used again.
    """
    for name in WRITERS:
        path, size = _write_export(work / f"exports-{FILE_BYTES // 1_000_000}MB" / name, name)
        with _one_core():
            seconds = [_time_reading(path) for _ in range(REPEATS + 1)][1:]  # the first one is a warm-up
        files = len(list(path.parent.iterdir()))
        what = f"generated, {size / 1e6:.0f} MB in {files} file{'s' if files > 1 else ''}, one core"
        yield Figure(f"read {name}", size / 1e6 / statistics.median(seconds), "MB/s", what)


def _write_export(folder: Path, name: str) -> tuple[Path, int]:
    """The file to read, and the bytes of it and of the files that its reader takes beside it."""
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
def _one_core() -> Iterator[None]:
    """Pins all threads of this process to one core, where the system can do that, and gives Arrow a single thread."""
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
    tasks = Path("/proc/self/task")  # a call for process 0 pins only the calling thread
    for thread in [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]:
        try:
            os.sched_setaffinity(thread, cores)
        except OSError:  # it ended just now
            continue


def measure_dataset(work: Path, recordings: int, num_workers: int = 2, seconds: float = SECONDS) -> Iterator[Figure]:
    """All figures of the data set, each as soon as it is measured.

    `work`: a folder for what is generated (kept and used again) and built (replaced); about 0.5 MB a recording.
    `seconds`: of a recording.
    """
    source = open_source("synthetic", _recordings(work, recordings, num_workers, seconds))
    count = len(source.entries())
    what = f"synthetic, {count} recordings of {seconds:g} s"
    out = work / f"dataset-{recordings}"
    shutil.rmtree(out, ignore_errors=True)
    with PeakMemory.watched() as peak:
        start = time.perf_counter()
        build(source, out, num_workers=num_workers)
        took = time.perf_counter() - start
    yield Figure("build", took / 60, "min", f"{what}, {num_workers} workers")
    yield Figure("build, a recording", 1000 * took / count, "ms", f"{what}, {num_workers} workers")
    yield Figure("build, peak memory of all processes", peak.megabytes, "MB", what)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    yield Figure("data set on disk", size / 1e6, "MB", what)
    yield from _measure_loading(out, work, what)
    yield from _measure_epoch(out, what, num_workers)


def _recordings(work: Path, recordings: int, num_workers: int, seconds: float) -> Path:
    """At least so many recordings, the same number of each participant; generated once."""
    folder = work / f"recordings-{recordings}-{seconds:g}s"
    if not folder.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        settings = GeneratorSettings(participants=-(-recordings // STIMULI), stimuli=STIMULI, seconds=seconds)
        generate(folder, settings, num_workers)
    return folder


def _measure_loading(out: Path, work: Path, what: str) -> Iterator[Figure]:
    """Time to the first row of a protocol, by our own reader and by `load_dataset`, and what the latter writes to disk."""
    from datasets import load_dataset

    start = time.perf_counter()
    data = EmertData.open(out)
    rows = data.select(1)
    data.recording(int(rows["train"][0]), 8)
    yield Figure("open er7-fold1, EmertData", time.perf_counter() - start, "s to the first row", f"{what}; nothing is copied")
    for streaming in (True, False):
        cache = work / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        start = time.perf_counter()
        loaded = load_dataset(str(out), "er7-fold1", streaming=streaming, cache_dir=str(cache))
        next(iter(loaded["train"]))
        seconds = time.perf_counter() - start
        copied = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) / 1e6
        name = f"open er7-fold1, load_dataset{', streaming' if streaming else ''}"
        yield Figure(name, seconds, "s to the first row", f"{what}; {copied:.0f} MB copied into the cache")
        shutil.rmtree(cache, ignore_errors=True)


def _measure_epoch(out: Path, what: str, num_workers: int) -> Iterator[Figure]:
    """Every recording once, in random order, as batches of the model's inputs: 8 face crops decoded, eyes, fixations."""
    from torch.utils.data import DataLoader

    from modeling_emert import EmertConfig, EmertProcessor

    data = EmertData.open(out)
    dataset = _Prepared(data, EmertProcessor.for_config(EmertConfig()))
    loader = DataLoader(dataset, batch_size=16, shuffle=True, num_workers=num_workers)
    start = time.perf_counter()
    count = sum(len(batch["eye_movements"]) for batch in loader)
    rate = count / (time.perf_counter() - start)
    yield Figure("epoch through all", rate, "recordings/s", f"{what}, {num_workers} workers, their start included")


@dataclass
class _Prepared:
    data: EmertData
    processor: object

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict:
        """The model's inputs, so that passing them to the main process counts."""
        return dict(self.processor(self.data.recording(row, 8)))
