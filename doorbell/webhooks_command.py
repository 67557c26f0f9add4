"""`doorbell webhooks`: who is told of which events, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import click

from doorbell.environment_option import ENVIRONMENT, environment_of

if TYPE_CHECKING:
    from notify_workers.store.webhooks import Attempt, Delivery


@click.group(name="webhooks")
def webhooks() -> None:
    """Tell other machines of events: outbound webhooks."""


EVENTS = click.option(
    "--event", "events", multiple=True, metavar="EVENT", help="An event, such as message.sent. May be given repeatedly."
)


@webhooks.command(name="add")
@click.argument("url")
@EVENTS
@click.option("--secret", help="whsec_ and base64.  [default: a new one]")
@click.option("--description", default="", help="What it is for.")
@ENVIRONMENT
def add(url: str, events: tuple[str, ...], secret: str | None, description: str, environment: str) -> None:
    """Tell URL of events. Prints the webhook's id and its secret."""
    from notify_workers import webhooks as door

    made = door.add(environment_of(environment), url, events, secret=secret, description=description)
    click.echo(f"{made.id}  {made.secret}")


@webhooks.command(name="list")
@ENVIRONMENT
def list_webhooks(environment: str) -> None:
    """List an environment's webhooks, without their secrets."""
    from notify_workers.store import webhooks as store
    from notify_workers.store.session import transaction

    with transaction() as tx:
        for each in store.webhooks(tx, environment_of(environment)):
            state = "enabled" if each.enabled else "disabled"
            failures = f"  {each.failures} failures in a row" if each.failures else ""
            click.echo(
                f"{each.id}  {state:8} {each.url}  {', '.join(each.events)}  {each.description}{failures}".rstrip()
            )


@webhooks.command(name="set")
@click.argument("webhook", type=click.UUID)
@click.option("--url", help="Where it is told from now on.")
@EVENTS
@click.option("--secret", help="A new secret.")
@click.option("--enable/--disable", "enabled", default=None, help="While disabled, nothing is owed to it.")
@click.option("--description", help="What it is for.")
def change(
    webhook: UUID,
    url: str | None,
    events: tuple[str, ...],
    secret: str | None,
    enabled: bool | None,
    description: str | None,
) -> None:
    """Change the webhook of that id."""
    from notify_workers import webhooks as door

    door.change(webhook, url=url, events=events or None, secret=secret, enabled=enabled, description=description)
    click.echo(f"The webhook {webhook} is changed.")


@webhooks.command(name="remove")
@click.argument("webhook", type=click.UUID)
def remove(webhook: UUID) -> None:
    """Remove a webhook. What it is owed is dropped."""
    from notify_workers import webhooks as door

    door.remove(webhook)
    click.echo(f"The webhook {webhook} is removed.")


@webhooks.command(name="deliveries")
@click.argument("webhook", type=click.UUID)
@click.option("--status", type=click.Choice(["owed", "delivered", "failed", "dropped"]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--attempts", "with_attempts", is_flag=True, help="With each request and what was answered.")
def deliveries(webhook: UUID, status: str | None, limit: int, with_attempts: bool) -> None:
    """List what a webhook was told, newest first."""
    from notify_workers.store import webhooks as store
    from notify_workers.store.session import transaction

    with transaction() as tx:
        for each in store.deliveries(tx, webhook, status=status, limit=limit):
            click.echo(_delivery(each))
            for line in _attempts(store.attempts(tx, each.id)) if with_attempts else ():
                click.echo(line)


def _delivery(each: Delivery) -> str:
    return f"{each.id}  {each.at:%Y-%m-%d %H:%M:%S}  {each.status:9} {each.type}  {each.attempts} attempts"


def _attempts(made: list[Attempt]) -> Iterator[str]:
    for each in made:
        said = each.error or each.status_code or "no outcome was recorded"
        took = f"  {each.milliseconds} ms" if each.milliseconds is not None else ""
        yield f"    {each.at:%Y-%m-%d %H:%M:%S}  attempt {each.attempt}: {said}{took}"
        if each.response:
            yield "        " + " ".join(each.response.split())


@webhooks.command(name="replay")
@click.argument("which", type=click.UUID)
@click.option(
    "--failed-since", type=click.DateTime(), help="WHICH is a webhook: everything that failed since then (UTC)."
)
def replay(which: UUID, failed_since: datetime | None) -> None:
    """Tell an event again: WHICH is a delivery's id."""
    from notify_workers import webhooks as door

    if failed_since is None:
        door.replay(which)
        click.echo("The event is owed again.")
        return
    found = door.replay_failed(which, failed_since.replace(tzinfo=UTC))
    click.echo(f"{found} events are owed again.")
