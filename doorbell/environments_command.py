"""The commands of environments."""

from __future__ import annotations

import click

from doorbell.environment_option import environment_of


@click.group()
def environments() -> None:
    """Restrict whom an environment sends to."""


@environments.command()
@click.argument("patterns", nargs=-1)
@click.option("--environment", "-e", required=True, help="The environment's slug.")
@click.option("--everybody", is_flag=True, help="Take the restriction away.")
@click.option("--nobody", is_flag=True, help="Send to nobody at all.")
@click.option("--yes", is_flag=True, help="Do not ask before production is restricted.")
def allow(patterns: tuple[str, ...], environment: str, everybody: bool, nobody: bool, yes: bool) -> None:
    """Send to those who match PATTERNS, and to nobody else. Without any: print what holds.

    Patterns: `*@example.com`, `+1555*`, `user:jane`, `object:projects/p1`, `token:abc*`, `https://hooks.example.com/*`.
    They replace those that were set before.
    """
    from notify_workers import environments as door

    of = environment_of(environment)
    if bool(patterns) + everybody + nobody > 1:
        raise click.UsageError("give either patterns, or --everybody, or --nobody")
    if patterns or nobody:
        if environment == "production" and not yes:
            click.confirm("Everybody else will get nothing from production any more. Restrict it?", abort=True)
        door.set_recipient_allow_list(of, patterns)
    elif everybody:
        door.set_recipient_allow_list(of, None)
    click.echo(_meaning(environment))


def _meaning(slug: str) -> str:
    from notify_workers.store import environments as rows
    from notify_workers.store.session import transaction

    with transaction() as tx:
        (known,) = (each.recipient_allow_list for each in rows.environments(tx) if each.slug == slug)
    if known is None:
        return f"{slug} sends to everybody."
    if not known:
        return f"{slug} sends to nobody: messages are made and become not_sent. In-app feeds show theirs."
    listed = "\n".join(f"  {each}" for each in known)
    return (
        f"{slug} sends to those who match one of these, and to nobody else:\n{listed}\n"
        "Messages to others are made and become not_sent. In-app feeds show theirs to everybody."
    )
