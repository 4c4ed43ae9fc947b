"""The result of one check."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "warn", "fail"]

_SHOWN = 5
_LONGEST = 300  # characters; names and messages come from files of unknown origin


@dataclass(frozen=True)
class CheckResult:
    """The status of one check, a sentence, and up to five examples of problems."""

    check: str
    status: Status
    sentence: str
    examples: tuple[str, ...] = ()


def judge(check: str, problems: Sequence[str], passed: str, otherwise: Status = "fail") -> CheckResult:
    """`passed` is the sentence where there are no problems; `otherwise` the status where there are."""
    if not problems:
        return CheckResult(check, "pass", printable(passed))
    examples = tuple(printable(problem) for problem in problems[:_SHOWN])
    if len(problems) == 1:
        return CheckResult(check, otherwise, examples[0])
    return CheckResult(check, otherwise, f"{len(problems)} problems", examples)


def printable(text: str) -> str:
    """Without control characters, which could change a terminal, and of limited length."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])
    return f"{clean} ..." if len(text) > _LONGEST else clean


def some(names: Sequence[str]) -> str:
    """The first of many names in sorted order: `p01, p02, p03 and 9 more`."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(ordered[:3]) + more
