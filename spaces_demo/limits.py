"""Limits of the worker processes."""

ANSWER_SECONDS = 60  # for one answer; then its worker process is stopped and the visitor gets an error
WORKERS = 2  # answers at the same time: as many as a free Space has cores
WORKER_EXTRA_MB = 1024  # what one answer may take on top of the loaded model
