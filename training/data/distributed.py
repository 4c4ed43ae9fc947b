"""The processes that `torchrun` or `accelerate launch` started, from their environment variables."""

import os


def number_of_processes() -> int:
    """1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Rank of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main_process() -> bool:
    """True for the process that writes files and prints."""
    return process_number() == 0
