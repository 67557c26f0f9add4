"""`doorbell sources`: configure sources, list them, show what came."""

from __future__ import annotations

import json
from typing import TextIO

import click

from doorbell.documents import read_document
from doorbell.environment_option import ENVIRONMENT, environment_of


@click.group()
def sources() -> None:
    """Configure and list sources, and show the events that came."""


@sources.command(name="set")
@click.argument("key")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--type", "-t", "source_type", required=True, help="http, segment, rudderstack or clerk.")
@click.option("--secret", help="What its signatures are made with.")
@ENVIRONMENT
def set_source(key: str, file: TextIO | None, source_type: str, secret: str | None, environment: str) -> None:
    """Make or change the source KEY from a JSON FILE.

    The file holds name, settings and mappings.
    """
    from notify_workers.sources import configure

    document = read_document(file) if file else {}
    if secret is not None:
        document["settings"] = {**(document.get("settings") or {}), "secret": secret}
    source = configure(environment_of(environment), key, source_type, document)
    click.echo(f"The source {key} sends to {_address(source.token)}")


@sources.command(name="list")
@ENVIRONMENT
def list_sources(environment: str) -> None:
    """List an environment's sources with their addresses, without their settings."""
    from notify_workers.store import sources as rows
    from notify_workers.store.session import transaction

    with transaction() as tx:
        for source in rows.sources(tx, environment_of(environment)):
            state = "" if source.enabled else "  (off)"
            click.echo(f"{source.key:20} {source.type:12} {_address(source.token)}{state}")


@sources.command(name="events")
@click.argument("key")
@click.option("--limit", "-n", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--bodies", is_flag=True, help="Also show what the events say.")
@ENVIRONMENT
def list_events(key: str, limit: int, bodies: bool, environment: str) -> None:
    """Show the newest events of the source KEY, and what became of them."""
    from notify_workers.store import sources as rows
    from notify_workers.store.session import transaction

    with transaction() as tx:
        source = rows.get(tx, environment_of(environment), key)
        if source is None:
            raise click.ClickException(f"there is no source {key}")
        found = rows.newest_events(tx, source.id, limit)
    for event in found:
        click.echo(f"{event.received_at:%Y-%m-%d %H:%M:%S}  {event.status:9}  {event.event_type}")
        for action in event.actions:
            click.echo(f"    {action['type']}: {action.get('error') or action['status']}")
        if bodies:
            click.echo(f"    {json.dumps(event.body, ensure_ascii=False)}")


def _address(token: str) -> str:
    from notify_workers.settings import settings

    return f"{settings().public_url}/v1/sources/{token}"
