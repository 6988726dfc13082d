"""What an examination found: graded, with a remedy, as lines of JSON and as a table."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

OK, WARN, FAIL = "OK", "WARN", "FAIL"
LEVELS = (OK, WARN, FAIL)
WIDTH = 110  # of the table, in characters
ARROW = "-> "


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: str  # OK, WARN or FAIL
    subject: str  # what was looked at, in a word or two
    text: str  # what was found
    remedy: str = ""  # one line; "" where there is nothing to do
    values: dict[str, Any] = field(default_factory=dict)  # figures, for programs


def to_line(finding: Finding) -> str:
    """Return a finding as one line of JSON."""
    return json.dumps(asdict(finding), ensure_ascii=False)


def from_lines(text: str) -> list[Finding]:
    """Read findings from lines of JSON; half a line at the end, and other lines, are left out."""
    found = []
    for line in text.splitlines():
        try:
            found.append(Finding(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def worst(findings: Iterable[Finding]) -> str:
    """Return the highest level; OK of nothing."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)


def table(findings: Sequence[Finding]) -> str:
    """Return findings as aligned text, remedies below, and a last line that counts them."""
    indent = max((len(finding.subject) for finding in findings), default=0)
    lines = []
    for finding in findings:
        head = f"{finding.level:<4}  {finding.subject:<{indent}}  "
        gap = " " * len(head)
        lines += textwrap.wrap(
            finding.text, WIDTH, initial_indent=head, subsequent_indent=gap, **_WORDS_STAY_WHOLE
        )
        if finding.remedy:
            lines += textwrap.wrap(
                finding.remedy,
                WIDTH,
                initial_indent=gap + ARROW,
                subsequent_indent=gap + " " * len(ARROW),
                **_WORDS_STAY_WHOLE,
            )
    return "\n".join((*lines, "", _counted(findings)))


_WORDS_STAY_WHOLE = {"break_long_words": False, "break_on_hyphens": False}  # to be copied


def _counted(findings: Sequence[Finding]) -> str:
    levels = [finding.level for finding in findings]
    if worst(findings) == OK:
        return "nothing is wrong"
    return f"{levels.count(FAIL)} FAIL, {levels.count(WARN)} WARN, {levels.count(OK)} OK"
