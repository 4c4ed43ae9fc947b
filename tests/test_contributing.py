"""CONTRIBUTING.md: its templates work as they stand, each one file, one test and at most one list."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from contributions import changes, copy_with_templates, templates
from places import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {"a reader": 4, "a source": 3, "a task": 1, "a method": 3, "a backbone": 2, "a metric": 2}  # templates


def test_every_section_has_its_templates_and_a_test():
    sections = {text.split(":")[0].split("\n")[0].lower(): text for text in PAGE.split("\n## A ")[1:]}
    for name, count in SECTIONS.items():
        (text,) = (text for title, text in sections.items() if f"a {title}".startswith(name))
        files = re.findall(r"^`([\w/]+/[\w.]+)`", text, flags=re.MULTILINE)
        assert len(files) == count, name
        assert len([file for file in files if file.startswith("tests/") and file.endswith(".py")]) == 1, name
    assert len(templates()) == sum(SECTIONS.values())


@pytest.mark.parametrize("template", templates(), ids=lambda template: template.file.name)
def test_a_template_fits_todays_repository(template):
    file = ROOT / template.file
    if template.kind == "diff":
        text = file.read_text(encoding="utf-8")
        assert [old for old, _ in changes(template.text) if text.count(old) != 1] == []
        return
    assert not file.exists()
    if template.kind == "python":
        compile(template.text, str(file), "exec")
    elif template.kind == "yaml":
        assert yaml.safe_load(template.text)


@pytest.mark.slow
def test_the_templates_work_in_a_copy_of_the_repository(tmp_path):
    """With the tests that look at every reader, source, method, recipe and metric, so that nothing else has to be touched."""
    place = copy_with_templates(tmp_path / "repository")
    files = [str(one.file) for one in templates() if one.file.suffix == ".py" and one.kind != "diff"]
    subprocess.run([sys.executable, "-m", "ruff", "check", *files], cwd=place, check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", *files], cwd=place, check=True)
    subprocess.run([sys.executable, "-m", "training.recipes.readme"], cwd=place, check=True)
    tests = [file for file in files if file.startswith("tests/")]
    tests += [f"tests/dataset_scripts/readers/test_{name}.py" for name in ("readers", "fuzz_readers", "kinds", "bids")]
    tests += ["tests/dataset_scripts/sources/test_folder.py", "tests/training/recipes/test_recipe.py"]
    tests += ["tests/training/methods/test_registry.py", "tests/training/metrics", "tests/training/benchmark/test_recipe.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=place, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
