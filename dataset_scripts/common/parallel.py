"""Independent jobs over processes, with a progress bar."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

from tqdm import tqdm

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_parallel(
    function: Callable[[Job], Result], jobs: Sequence[Job], num_workers: int, description: str, unit: str
) -> Iterator[Result]:
    """Yields results in the order in which they finish. One worker runs in this process.

    A fork server starts the workers, since a forked process with threads (Arrow, torch) may hang.
    """
    with tqdm(total=len(jobs), desc=description, unit=unit, mininterval=0.5) as bar:
        if num_workers <= 1 or len(jobs) <= 1:
            for job in jobs:
                yield function(job)
                bar.update()
            return
        context = get_context("forkserver")
        context.set_forkserver_preload([function.__module__])
        with ProcessPoolExecutor(min(num_workers, len(jobs)), mp_context=context, initializer=end_with_parent) as pool:
            futures = [pool.submit(function, job) for job in jobs]
            try:
                for future in as_completed(futures):
                    yield future.result()
                    bar.update()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Ends this worker when its parent is killed; otherwise it would wait for jobs for ever."""
    Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()
