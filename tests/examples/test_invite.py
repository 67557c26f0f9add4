"""The invitation as each SDK tells it, against the development stack: the mail, the reminder, and what stops it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stack import Stack, eventually

FOLDER = Path(__file__).parents[2] / "examples" / "invite"

EXAMPLES = {
    "python": (sys.executable, "invite.py"),
    "node": ("node", "node/invite.mjs"),
    "node-0.6": ("node", "node/invite_0_6.mjs"),
}

INVITATION = "Nora Reyes has invited you"
REMINDER = "Reminder: your invitation is waiting"


class Example:
    """One of the programs, and the people it invites."""

    def __init__(self, name: str, stack: Stack) -> None:
        self.name = name
        self._stack = stack

    def run(self, verb: str, email: str) -> str:
        program, file = EXAMPLES[self.name]
        return self._stack.run(program, str(FOLDER / file), verb, email)

    def send(self, who: str) -> str:
        """Invites somebody. Their address, once the invitation is there and its run waits."""
        email = f"{who}.{self.name}@example.com"
        said = self.run("send", email)
        assert re.search(r"workflow run [0-9a-f-]{36}$", said.strip())
        eventually(lambda: self._stack.subjects(email) == [INVITATION], f"{email} has the invitation")
        waits(self._stack, email)
        return email


def waits(stack: Stack, email: str) -> None:
    eventually(lambda: [run["status"] for run in stack.runs(email)] == ["paused"], f"{email}'s run waits")


def node_is_missing() -> str | None:
    if shutil.which("node") is None:
        return "there is no `node` on PATH"
    if not (FOLDER / "node" / "node_modules").is_dir():
        return "its packages are not installed: run `npm ci` in examples/invite/node, or `make test`"
    return None


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest, stack: Stack) -> Example:
    """Node is there when `make test` calls; on a desk it may be missing, in CI that is a failure."""
    missing = node_is_missing() if request.param.startswith("node") else None
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"the {request.param} example was not run: {missing}")
    if missing:
        pytest.skip(f"THE {request.param.upper()} EXAMPLE WAS NOT RUN: {missing}")
    return Example(request.param, stack)


def test_an_invitation_leaves_at_once_and_the_reminder_after_three_days(
    example: Example, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    email = example.send("jane")
    stack.doorbell("clock", "advance", "3d")
    advanced = time.monotonic()
    eventually(lambda: stack.subjects(email) == [INVITATION, REMINDER], f"{email} has the reminder")
    record_property("seconds_from_advance_to_reminder", round(time.monotonic() - advanced, 2))
    assert [run["status"] for run in stack.runs(email)] == ["completed"]


def test_who_accepts_is_not_reminded(example: Example, stack: Stack) -> None:
    accepting, other = example.send("accepting"), f"other.{example.name}@example.com"
    stack.invite(other)
    waits(stack, other)
    example.run("accept", accepting)
    stack.doorbell("clock", "advance", "4d")
    eventually(lambda: stack.subjects(other)[1:] == [REMINDER], "who did not accept is reminded")
    assert stack.subjects(accepting) == [INVITATION]
    assert [run["status"] for run in stack.runs(accepting)] == ["cancelled"]


def test_a_run_is_told_from_its_trigger_to_its_end(stack: Stack) -> None:
    stack.invite("tom@example.com")
    waits(stack, "tom@example.com")
    stack.doorbell("clock", "advance", "3d")
    eventually(lambda: len(stack.subjects("tom@example.com")) == 2, "tom is reminded")
    invitation, reminder = (mail["message_id"] for mail in stack.mail("tom@example.com"))
    eventually(lambda: stack.outcomes(reminder) == ["sent"], "the reminder is sent")
    timeline = stack.doorbell("why", invitation)
    story = ["triggered (api)", "email_1", "step_paused", "step_resumed", "email_2", "run_completed", "attempt 1: sent"]
    places = [timeline.index(word) for word in story[:-1]] + [timeline.rindex(story[-1])]
    assert places == sorted(places), timeline


def test_a_cancellation_is_told_with_its_key(stack: Stack) -> None:
    stack.invite("ann@example.com")
    waits(stack, "ann@example.com")
    stack.accept("ann@example.com")
    (run,) = stack.runs("ann@example.com")
    timeline = stack.doorbell("why", run["id"])
    assert timeline.splitlines()[0].endswith("of workflow account-invite for ann@example.com: cancelled")
    assert re.search(r"run_cancelled \(.*cancellation_key=invite-ann@example\.com", timeline), timeline


def test_an_example_called_wrongly_says_how(stack: Stack) -> None:
    with pytest.raises(AssertionError, match=r"usage: invite\.py send\|accept"):
        stack.run(sys.executable, str(FOLDER / "invite.py"), "resend")


def test_the_story_of_the_readme(stack: Stack) -> None:
    (story,) = re.findall(r"```python\n(.*?)```", (FOLDER.parents[1] / "README.md").read_text(), re.DOTALL)
    stack.run(sys.executable, "-c", story.replace("http://127.0.0.1:4000", stack.address))
    eventually(lambda: stack.mail("jane@example.com"), "Jane has mail")
    assert stack.subjects("jane@example.com") == [INVITATION]
