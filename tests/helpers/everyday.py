"""Which values of a parametrised test run every day; `make test-slow` runs them all."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def others_slow(values: Iterable[Any], everyday: Collection[Any]) -> list[Any]:
    """The values; a test of one that is not among `everyday` is marked slow. Raises `AssertionError` where none is left."""
    values = list(values)
    assert set(everyday) <= set(values), everyday
    return [value if value in everyday else pytest.param(value, marks=pytest.mark.slow) for value in values]
