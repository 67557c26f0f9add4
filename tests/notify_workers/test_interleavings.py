"""Whatever happens in whatever order: everybody gets each mail once, and nobody gets one after a cancellation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from notify_workers import clock, lifeline, pending
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from notify_workers.timers import Timers
from tests.conftest import EMPTIED
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_after

ChangeSettings = Callable[..., None]
USERS = ("u0", "u1", "u2")
STEPS = ("email_1", "email_2")
Person = tuple[int, str]
"""A trigger's number and one of its recipients."""

people = st.sets(st.sampled_from(USERS), min_size=1)
keys = st.sampled_from(["k0", "k1"])
fates = st.lists(st.sampled_from(["answer", "twice", "drop", "hold"]) | st.integers(1, 200), max_size=8)
"""What becomes of a bell; a number kills who answers it after as many lines."""


class World(RuleBasedStateMachine):
    """Applications, workers, timers, stores and time, each doing what it likes."""

    mail: MailServer

    def __init__(self) -> None:
        super().__init__()
        with transaction() as tx:
            for table in EMPTIED:
                tx.run(text(f"delete from {table}"))
        client().flushdb()
        self.mail.reset()
        self.engine = Engine()
        subject = "{{ data.n }}/{{ recipient.id }}/"
        steps = [
            email_step(STEPS[0], subject=subject + STEPS[0]),
            delay_step(),
            email_step(STEPS[1], subject=subject + STEPS[1]),
        ]
        self.engine.publish("invite", steps)
        self.triggers: dict[int, tuple[set[str], str | None]] = {}
        self.cancelled: dict[Person, int] = {}
        self.arrived: defaultdict[Person, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    # What applications do

    @rule(who=people, key=st.none() | keys)
    def trigger(self, who: set[str], key: str | None) -> None:
        number = len(self.triggers)
        recipients = [{"id": each, "email": f"{each}@example.com"} for each in sorted(who)]
        self.engine.trigger("invite", recipients, data={"n": number}, cancellation_key=key)
        self.triggers[number] = (who, key)

    @rule(key=keys, only=people | st.just(set()), dies_first=st.none() | st.integers(1, 60))
    def cancel(self, key: str, only: set[str], dies_first: int | None) -> None:
        cancel = partial(self.engine.cancel, "invite", key, *sorted(only))
        if dies_first is not None:
            killed_after(dies_first, cancel)
        cancel()
        for person in self.everybody():
            if self.triggers[person[0]][1] == key and (not only or person[1] in only):
                self.cancelled.setdefault(person, len(self.mails(person)))

    # What workers and timers do

    @rule(fates=fates)
    def work(self, fates: list[str | int]) -> None:
        for bell in self.engine.bells():
            fate = fates.pop(0) if fates else "answer"
            if fate == "hold":
                self.engine.held.append(bell)
            elif isinstance(fate, int):
                killed_after(fate, partial(self.engine.answer, bell))
            elif fate != "drop":
                for _ in range(2 if fate == "twice" else 1):
                    self.engine.answer(bell)

    @rule(order=st.randoms(use_true_random=False))
    def late_bells(self, order: object) -> None:
        order.shuffle(self.engine.held)  # type: ignore[attr-defined]
        for bell in self.engine.held:
            self.engine.answer(bell)

    @rule()
    def timers(self) -> None:
        Timers().publish()

    @rule()
    def leases_end(self) -> None:
        self.engine.expire_leases()
        lifeline.look()

    # What the world does

    @rule(hours=st.sampled_from([0.001, 1, 24, 72.01]))
    def time_passes(self, hours: float) -> None:
        clock.advance(hours * 3600)
        Timers().publish()

    @precondition(lambda self: not pending.count())
    @rule()
    def redis_is_flushed(self) -> None:
        client().flushdb()

    # What is always so

    def everybody(self) -> list[Person]:
        return [(number, user) for number, (who, _) in self.triggers.items() for user in sorted(who)]

    def mails(self, person: Person) -> dict[str, set[str]]:
        """By step: under how many names its mail has arrived."""
        for mail in self.mail.messages:
            number, user, step = str(mail["Subject"]).split("/")
            self.arrived[int(number), user][step].add(str(mail["Message-ID"]))
        self.mail.messages.clear()
        return self.arrived[person]

    @invariant()
    def nobody_gets_a_mail_twice_or_after_a_cancellation(self) -> None:
        for person in self.everybody():
            mails = self.mails(person)
            assert all(len(names) == 1 for names in mails.values())
            assert len(mails) <= self.cancelled.get(person, len(STEPS))

    def teardown(self) -> None:
        for _ in range(8):
            lifeline.look()
            self.engine.drain()
            self.engine.release()
            self.engine.expire_leases()
            self.engine.advance(days=3)
            if not self.engine.count("due") + pending.count():
                break
        assert (self.engine.count("due"), pending.count()) == (0, 0)
        self.nobody_gets_a_mail_twice_or_after_a_cancellation()
        for person in self.everybody():
            if person not in self.cancelled:
                assert set(self.mails(person)) == set(STEPS)
        self.every_run_has_ended()

    def every_run_has_ended(self) -> None:
        runs = self.engine.rows(
            "select (t.data ->> 'n')::int as number, r.recipient_id, r.status"
            " from recipient_runs r join triggers t on t.id = r.trigger_id"
        )
        assert sorted((run.number, run.recipient_id) for run in runs) == self.everybody()
        assert {run.status for run in runs if (run.number, run.recipient_id) not in self.cancelled} <= {"completed"}
        assert {run.status for run in runs} <= {"completed", "cancelled"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Nobody closes a victim's socket.
def test_everybody_gets_each_mail_once_and_none_after_a_cancellation(
    engine: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    change_settings(accept_lease=0.000001, fan_out_chunk=2)
    World.mail = mail
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
