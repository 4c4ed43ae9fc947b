"""Where the repository lies, and the real recordings that tests marked `real` read."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("EMERT_REAL_DATA", ROOT.parent / "shared" / "real")).resolve()
