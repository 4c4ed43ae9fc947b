"""SECURITY.md: every promise names a test that there is."""

import ast
import re

from places import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_promise_names_a_test_that_there_is():
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and not re.match(r"\|( from| promise |-)", line)]
    assert len(rows) == len(NAMED) > 20
    for file, name in NAMED:
        found = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in found, f"{file} has no {name}"
