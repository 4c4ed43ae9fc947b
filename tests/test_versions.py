"""The everyday tests with the newest releases on later interpreters, and with the oldest ones that pyproject.toml admits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

UV = (sys.executable, "-m", "uv")
# The pinned requirements of the Space and the stored picture are of newer releases.
_NEWEST = [
    "tests/spaces_demo/commands/test_demo_space.py::test_the_metadata_is_complete_and_its_limits_are_those_of_the_code",
    "tests/spaces_demo/commands/test_demo_space.py::"
    "test_the_requirements_are_those_of_the_package_without_emert_itself_as_they_were_tested",
    "tests/spaces_demo/pictures/test_docs_pictures.py::test_todays_code_draws_the_stored_answer",
]


@pytest.mark.versions
@pytest.mark.parametrize(
    ("python", "resolution"), [("3.11", "lowest-direct"), ("3.12", "highest"), ("3.13", "highest")], ids=str
)
def test_everyday_tests_pass(python: str, resolution: str, tmp_path: Path):
    """`UV_TORCH_BACKEND=cpu` saves gigabytes; what else uv takes from the environment holds too."""
    found = subprocess.run([*UV, "python", "find", "--no-python-downloads", python], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"no Python {python} on this machine")
    interpreter = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*UV, "venv", "--quiet", "--python", found.stdout.strip(), tmp_path / "venv"], check=True)
    install = [*UV, "pip", "install", "--quiet", "--python", interpreter, "--resolution", resolution, f"{ROOT}[dev]"]
    subprocess.run(install, check=True)
    everyday = [interpreter, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider", ROOT / "tests"]
    if resolution == "lowest-direct":
        everyday += [f"--deselect={name}" for name in _NEWEST]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    assert subprocess.run(everyday, cwd=ROOT, env=environment).returncode == 0
