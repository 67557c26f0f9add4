"""The commands of channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from doorbell.documents import read_document
from doorbell.environment_option import ENVIRONMENT, environment_of

if TYPE_CHECKING:
    from notify_workers.store.environments import Channel


@click.group()
def channels() -> None:
    """Configure and list channels."""


@channels.command(name="set")
@click.argument("key")
@click.option("--provider", help="Who delivers, for example smtp. Without it only what is on or off is changed.")
@click.option("--setting", "-s", "written", multiple=True, metavar="NAME=VALUE", help="One setting of the provider.")
@click.option("--name", default="", help="What people call the channel.")
@click.option(
    "--sandbox/--no-sandbox", default=None, help="Make its messages and send none, or send them.  [default: as it was]"
)
@click.option("--link-tracking/--no-link-tracking", default=None, help="Tell which links are clicked, or do not.")
@click.option("--open-tracking/--no-open-tracking", default=None, help="Tell which e-mails are opened, or do not.")
@ENVIRONMENT
def set_channel(
    key: str, provider: str | None, written: tuple[str, ...], name: str, environment: str, **given: bool | None
) -> None:
    """Make the channel KEY, or configure it anew; or change only what is on or off."""
    from notify_workers import channels

    switches = {each: on for each, on in given.items() if on is not None}
    if provider is None and (written or name or not switches):
        raise click.UsageError("name who delivers: --provider")
    of = environment_of(environment)
    if provider is not None:
        settings = dict(_pair(each) for each in written)
        channels.set_channel(of, key, provider=provider, name=name or key, settings=settings, switches=switches)
        click.echo(f"The channel {key} delivers by {provider}.")
    else:
        channels.switch(of, key, switches)
    for each, on in switches.items():
        click.echo(f"The channel {key} {DOES[each, on]} in {environment}.")


DOES = {
    ("sandbox", True): "makes messages and sends none",
    ("sandbox", False): "sends its messages",
    ("link_tracking", True): "tells which links of its messages are clicked",
    ("link_tracking", False): "leaves the links of its messages alone",
    ("open_tracking", True): "tells which of its e-mails are opened",
    ("open_tracking", False): "does not look whether its e-mails are opened",
}


@channels.command(name="rotate")
def rotate() -> None:
    """Encrypt all credentials with the first encryption key."""
    from notify_workers import channel_routes, channels

    click.echo(f"{channels.rotate()} channels and {channel_routes.rotate()} routes were encrypted anew.")


@channels.command(name="route")
@click.argument("key")
@click.argument("position", type=click.IntRange(min=0))
@click.option("--provider", required=True, help="Who delivers when those before it cannot.")
@click.option("--setting", "-s", "written", multiple=True, metavar="NAME=VALUE", help="One setting of the provider.")
@click.option(
    "--weight", type=click.FloatRange(min=0, min_open=True), help="Its share of the messages; none: by position."
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Messages a second; what is more waits.")
@click.option("--tenant", default="", help="For this tenant's messages only.")
@ENVIRONMENT
def set_route(
    key: str,
    position: int,
    provider: str,
    written: tuple[str, ...],
    weight: float | None,
    rate: float | None,
    tenant: str,
    environment: str,
) -> None:
    """Give the channel KEY another provider, or configure it anew."""
    from notify_workers import channel_routes

    channel_routes.set_route(
        environment_of(environment),
        key,
        position,
        provider=provider,
        settings=dict(_pair(each) for each in written),
        tenant=tenant,
        weight=weight,
        rate=rate,
    )
    click.echo(f"The channel {key} delivers by {provider} at position {position}.")


@channels.command(name="unroute")
@click.argument("key")
@click.argument("position", type=click.IntRange(min=0))
@click.option("--tenant", default="", help="Of this tenant's own.")
@ENVIRONMENT
def remove_route(key: str, position: int, tenant: str, environment: str) -> None:
    """Take a provider from the channel KEY."""
    from notify_workers import channel_routes

    if not channel_routes.remove_route(environment_of(environment), key, position, tenant):
        raise click.ClickException(f"the channel {key} has no provider at position {position}")
    click.echo(f"The channel {key} has no provider at position {position} any more.")


def _pair(written: str) -> tuple[str, str]:
    """`NAME=VALUE`, or `NAME=@FILE` for what is better not typed, or has lines."""
    name, separator, value = written.partition("=")
    if not separator:
        raise click.BadParameter(f"{name!r} is not NAME=VALUE")
    if not value.startswith("@"):
        return name, value
    try:
        return name, Path(value[1:]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{name}: {value[1:]} cannot be read: {error}") from None


@channels.command(name="list")
@ENVIRONMENT
def list_channels(environment: str) -> None:
    """List an environment's channels, without their settings."""
    from notify_workers.store import environments
    from notify_workers.store.session import transaction

    with transaction() as tx:
        for channel in environments.channels(tx, environment_of(environment)):
            click.echo(f"{channel.key:20} {channel.type:8} {channel.provider:12} {channel.name}{_mode(channel)}")


def _mode(channel: Channel) -> str:
    return "  (sandbox: sends nothing)" if channel.sandbox else ""


@channels.command(name="events")
@click.argument("key")
@ENVIRONMENT
def list_event_addresses(key: str, environment: str) -> None:
    """Print where vendors tell what became of the messages of the channel KEY. The addresses are secrets."""
    from notify_workers import vendor_reports

    for provider, address in vendor_reports.addresses_of(environment_of(environment), key).items():
        click.echo(f"{provider:12} {address}")


@channels.command(name="group")
@click.argument("key")
@click.argument("file", type=click.File(encoding="utf-8"))
@ENVIRONMENT
def set_channel_group(key: str, file: TextIO, environment: str) -> None:
    """Make the channel group KEY from a JSON file, or change it."""
    from notify_workers import channels

    channels.set_group(environment_of(environment), key, read_document(file))
    click.echo(f"The channel group {key} is set.")
