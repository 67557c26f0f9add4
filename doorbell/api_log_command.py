"""What `doorbell api-log` does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from doorbell.environment_option import environment_of


@click.command(name="api-log")
@click.argument("request_id", required=False, type=click.UUID)
@click.option("--environment", "-e", help="Only requests to this environment (its slug).")
@click.option("--status", help="Only answers with this status: 422, or 4xx for all from 400 to 499.")
@click.option("--path", help="Only requests whose path has this in it.")
@click.option("--trigger", type=click.UUID, help="Only the request that made this run (its workflow_run_id).")
@click.option("--limit", "-n", default=50, show_default=True, type=click.IntRange(1), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Everything that is logged, one JSON object on a line.")
def api_log(
    request_id: UUID | None,
    environment: str | None,
    status: str | None,
    path: str | None,
    trigger: UUID | None,
    limit: int,
    as_json: bool,
) -> None:
    """List requests to the API; with a REQUEST_ID, show everything of that one."""
    from notify_workers import api_log as door
    from notify_workers.store.api_log import Filter

    wanted = Filter(
        id=request_id,
        environment_id=environment_of(environment) if environment else None,
        statuses=_range(status) if status else None,
        path=path,
        workflow_run_id=trigger,
    )
    found = door.find(wanted, limit)
    if request_id is not None and not found:
        raise click.ClickException(f"no request {request_id} is logged")
    for each in found:
        click.echo(door.as_json(each) if as_json or request_id else _line(each))


def _range(status: str) -> tuple[int, int]:
    if len(status) == 3 and status[0].isdecimal() and (status[1:].lower() == "xx" or status.isdecimal()):
        first = int(status[0]) * 100
        return (first, first + 99) if not status.isdecimal() else (int(status), int(status))
    raise click.BadParameter(f"{status!r} is not a status such as 422 or 4xx")


def _line(logged: Any) -> str:
    who = f"  user {logged.user_id}" if logged.user_id else ""
    return (
        f"{logged.at:%Y-%m-%d %H:%M:%S}  {logged.id}  {logged.status}  {logged.duration_ms:7.1f} ms  "
        f"{logged.method} {logged.path}{who}"
    )
