"""What one visitor may ask of the machine, in one place; the page and the README say the same numbers."""

MAX_UPLOAD_MB = 200  # of one file; a minute of 1080p is about half of it
ANSWER_SECONDS = 60  # for one answer; then its worker process is stopped and the visitor is told
WORKERS = 2  # answers at the same time: as many as a free Space has cores
WORKER_EXTRA_MB = 1024  # what one answer may take on top of the loaded model
MAX_WAITING = 60  # visitors in the queue; the next one is told to come back

MAX_ZIP_FILES = 400
MAX_ZIP_UNPACKED_MB = 1024
MAX_ZIP_RATIO = 200  # bytes out of one byte in; text of gaze packs about 10 to 1
MAX_BATCH = 200  # recordings of one batch

# Uploads are deleted as soon as they are answered; those that nobody asks about, after so many seconds.
UNUSED_UPLOAD_SECONDS = 900
SWEEP_SECONDS = 60
