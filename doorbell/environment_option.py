"""The option by which commands name an environment."""

from __future__ import annotations

from uuid import UUID

import click

ENVIRONMENT = click.option(
    "--environment", "-e", default="development", show_default=True, help="The environment's slug."
)


def environment_of(slug: str) -> UUID:
    """The environment's id. Raises a usage error when there is none of that slug."""
    from notify_workers.ids import environment_id
    from notify_workers.store import environments
    from notify_workers.store.session import transaction

    with transaction() as tx:
        known = [each.slug for each in environments.environments(tx)]
    if slug not in known:
        raise click.ClickException(f"there is no environment `{slug}`; known are {', '.join(known) or 'none'}")
    return environment_id(slug)
