"""What `doorbell simulate` does with its options."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from doorbell.simulation import LIBRARY, Asked, CannotSimulate, Simulated, read_map, run, zone_of
from doorbell.simulation_report import lines, report
from workflows.simulate.trace import difference


def execute(
    *,
    what: str,
    events: TextIO | None,
    until: str,
    start: str | None,
    library: Path | None,
    data: str,
    recipient: str,
    variables: TextIO | None,
    timezone: str,
    as_json: bool,
    content: bool,
    golden: Path | None,
    update: bool,
) -> int:
    """The exit code. Raises `WorkflowError` with everything that is wrong with files, events and options."""
    if update and golden is None:
        raise CannotSimulate("--update needs --golden and the file to write")
    simulated = run(
        Asked(
            what=what,
            library=library or LIBRARY,
            events=events.read() if events else None,
            until=until,
            start=start,
            variables=read_map(variables.read(), "--vars") if variables else {},
            timezone=timezone,
            data=read_map(data, "--data"),
            recipient=recipient,
        )
    )
    if golden is not None:
        return _save(golden, simulated, content) if update else _compare(golden, simulated, content)
    shown = lines(simulated, with_content=content)
    for line in shown if as_json else report(simulated, zone=zone_of(timezone), with_content=content):
        click.echo(line)
    return 0


def _save(golden: Path, simulated: Simulated, content: bool) -> int:
    found = lines(simulated, with_content=content)
    golden.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
    click.echo(f"Saved {len(found)} lines in {golden}.")
    return 0


def _compare(golden: Path, simulated: Simulated, content: bool) -> int:
    if not golden.is_file():
        raise CannotSimulate(f"there is no {golden} to compare with; `--update` writes it")
    found = lines(simulated, with_content=content)
    differs = difference(golden.read_text(encoding="utf-8"), found, str(golden))
    if not differs:
        click.echo(f"The simulation is the same as {golden}.")
        return 0
    for line in differs.splitlines():
        click.secho(line, fg={"+": "green", "-": "red"}.get(line[:1]))
    click.echo(f"\nThe simulation differs from {golden}; if that is meant, save it with `--update`.")
    return 1
