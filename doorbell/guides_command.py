"""`doorbell guides …`: what is set beside the guides' documents."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from doorbell.environment_option import ENVIRONMENT, environment_of


@click.group()
def guides() -> None:
    """List guides, show and hide them, and set their order."""


class Moment(click.ParamType[datetime]):
    """An ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            written = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T12:00:00Z", param, ctx)
        return written if written.tzinfo else written.replace(tzinfo=UTC)


@guides.command(name="list")
@ENVIRONMENT
def list_guides(environment: str) -> None:
    """List an environment's guides in the order in which they show."""
    from notify_workers import guides
    from notify_workers.store.session import transaction

    with transaction() as tx:
        for guide, row in guides.listed(tx, environment_of(environment)):
            state = "active" if row.is_active else "inactive"
            click.echo(f"{guide.key:30} {state:9} 0.0.{row.revision:<4} {guide.channel_key:20} {guide.name}")


@guides.command()
@click.argument("key")
@click.option("--from", "start", type=Moment(), help="From when on.  [default: now]")
@click.option("--until", type=Moment(), help="Until when.  [default: for ever]")
@ENVIRONMENT
def activate(key: str, start: datetime | None, until: datetime | None, environment: str) -> None:
    """Show the guide KEY."""
    from notify_workers import guides

    guides.set_active(environment_of(environment), key, True, start, until)
    click.echo(f"The guide {key} is active.")


@guides.command()
@click.argument("key")
@ENVIRONMENT
def deactivate(key: str, environment: str) -> None:
    """Hide the guide KEY."""
    from notify_workers import guides

    guides.set_active(environment_of(environment), key, False)
    click.echo(f"The guide {key} is not active any more.")


@guides.command()
@click.argument("key")
@ENVIRONMENT
def archive(key: str, environment: str) -> None:
    """Take the guide KEY away. Pushing it again brings it back."""
    from notify_workers import guides

    guides.archive(environment_of(environment), key)
    click.echo(f"The guide {key} is archived.")


@guides.command()
@click.argument("keys", nargs=-1)
@click.option("--interval", type=click.IntRange(min=0), help="Seconds that guides wait after one was closed; 0: none.")
@ENVIRONMENT
def order(keys: tuple[str, ...], interval: int | None, environment: str) -> None:
    """Set the order of guides: KEYS first, then the others, the oldest first."""
    from notify_workers import guides

    of = environment_of(environment)
    if not keys and interval is None:
        raise click.UsageError("name guides in their order, or an --interval")
    if keys:
        guides.set_order(of, keys)
    if interval is not None:
        guides.set_interval(of, interval or None)
    click.echo("The order of guides is set.")
