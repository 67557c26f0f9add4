"""What `doorbell keys signing …` does."""

from __future__ import annotations

import base64
from typing import TextIO
from uuid import UUID

import click

from doorbell.environment_option import ENVIRONMENT, environment_of


@click.group()
def signing() -> None:
    """Keys that your application signs user tokens with."""


@signing.command()
@ENVIRONMENT
@click.option("--name", default="made on the command line", help="What the key is for.")
@click.option("--base64", "in_base64", is_flag=True, help="Print it on one line, for a variable.")
def create(environment: str, name: str, in_base64: bool) -> None:
    """Make a key and print its private half. It is shown only now."""
    from notify_workers import signing_keys

    _, private = signing_keys.create(environment_of(environment), name)
    click.echo(base64.b64encode(private.encode()).decode() if in_base64 else private.rstrip())


@signing.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@ENVIRONMENT
@click.option("--name", default="", help="What the key is for.  [default: the file's name]")
def add(file: TextIO, environment: str, name: str) -> None:
    """Trust the public key in FILE too: PEM, or base64 of it."""
    from notify_workers import signing_keys

    if signing_keys.add(environment_of(environment), file.read(), name or file.name) is None:
        click.echo("This key is trusted already.")


@signing.command(name="list")
def list_keys() -> None:
    """List the keys that are trusted."""
    from notify_workers import signing_keys
    from notify_workers.store import environments
    from notify_workers.store.session import transaction

    with transaction() as tx:
        slugs = {each.id: each.slug for each in environments.environments(tx)}
    for key in signing_keys.every():
        click.echo(f"{key.id}  {slugs[key.environment_id]:12} {key.created_at:%Y-%m-%d}  {key.name}")


@signing.command()
@click.argument("key_id", type=click.UUID)
def remove(key_id: UUID) -> None:
    """Trust a key no more, by its id. Tokens that it has signed are refused from now on."""
    from notify_workers import signing_keys

    if not signing_keys.remove(key_id):
        raise click.ClickException(f"there is no signing key {key_id}")
