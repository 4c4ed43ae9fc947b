"""What a user types for a program of the running environment."""

import shlex
import shutil
import sys
from pathlib import Path


def as_typed(program: str) -> str:
    """Its name, where the shell finds this environment's; otherwise its path, from the working folder where it lies in it."""
    own = Path(sys.executable).parent / program
    found = shutil.which(program)
    if not own.exists() or (found is not None and Path(found).parent.resolve() == own.parent.resolve()):
        return program
    return shlex.quote(str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own))
