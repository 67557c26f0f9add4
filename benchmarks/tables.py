"""Tables of results: to the terminal and to a Markdown file."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass
class Table:
    """`notes` say what was measured and how, in whole sentences."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"# {self.title}", "", *(f"{note}  " for note in self.notes), ""]
        lines += ["| " + " | ".join(row) + " |" for row in (self.columns, ["---"] * len(self.columns), *self.rows)]
        return "\n".join([*lines, "", f"{_machine()}, {datetime.now(UTC):%Y-%m-%d}.", ""])


def write(name: str, table: Table) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(table.markdown())
    print(table.markdown(), flush=True)


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
