"""Invites somebody by e-mail, reminds them after three days, and stops the reminder when they accept.

    python examples/invite/invite.py send jane@example.com
    python examples/invite/invite.py accept jane@example.com

Knock's own SDK, unchanged: only `base_url` and the key differ.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass

from knockapi import Knock

WORKFLOW = "account-invite"

knock = Knock(
    base_url=os.environ.get("KNOCK_BASE_URL", "http://127.0.0.1:4000"),
    api_key=os.environ.get("KNOCK_API_KEY", "sk_test_doorbell"),
)


@dataclass(frozen=True)
class Invite:
    """What an application would keep in its database."""

    id: str
    email: str
    token: str


def create_invite(email: str) -> str:
    """The id of the workflow run."""
    invite = Invite(id=f"invite-{email}", email=email, token=secrets.token_urlsafe(16))
    knock.users.update(email, email=email, name=email.partition("@")[0].title())
    started = knock.workflows.trigger(
        WORKFLOW,
        recipients=[email],
        actor={"id": "nora", "name": "Nora Reyes"},
        cancellation_key=invite.id,
        data={"inviteToken": invite.token},
    )
    return started.workflow_run_id


def accept_invite(email: str) -> None:
    knock.workflows.cancel(WORKFLOW, cancellation_key=f"invite-{email}")


match sys.argv[1:]:
    case ["send", address]:
        print(f"{address} is invited; workflow run {create_invite(address)}")
    case ["accept", address]:
        accept_invite(address)
        print(f"{address} has accepted; there will be no reminder")
    case _:
        sys.exit("usage: invite.py send|accept <e-mail address>")
