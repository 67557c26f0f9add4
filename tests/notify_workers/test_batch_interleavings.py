"""Whatever happens in whatever order: each activity that nobody cancelled is in one batch, and each batch is sent once."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

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
from tests.notify_workers.conftest import Away
from tests.notify_workers.kill import killed_after

ChangeSettings = Callable[..., None]

EXAMPLES = int(os.environ.get("DOORBELL_EXAMPLES", "15"))
SUBJECT = "{{ total_activities }}/{% for each in activities %}{{ each.n }},{% endfor %}/{{ workflow.key }}"
SLIDING = {"batch_window_type": "sliding", "batch_window_extension_limit": {"unit": "minutes", "value": 12}}
DYNAMIC = {"batch_window": None, "batch_until_field_path": "data.until"}
MODES: dict[str, list[dict[str, Any]]] = {
    "fixed": [{}],
    "sliding": [SLIDING],
    "dynamic": [DYNAMIC],
    "steered": [{**SLIDING, **DYNAMIC}],
    "full": [{"batch_items_max_limit": 2}],
    "leading": [{"batch_execution_mode": "flush_leading"}],
    "newest": [{"batch_order": "desc", "batch_items_render_limit": 2}],
    "latest": [{}, {"batch_execution_mode": "flush_leading"}, {"batch_items_max_limit": 3}],
    "pinned": [{"workflow_version_mode": "pinned"}],
}
"""Settings of each workflow's batch step; where there are several, each publication takes the next one."""

keys = st.sampled_from(["k0", "k1"])
fates = st.lists(st.sampled_from(["answer", "twice", "drop", "hold", "away"]) | st.integers(1, 250), max_size=8)
"""What becomes of a bell: `away` answers it while Redis does not, a number kills who answers it after as many lines."""

FATE = """
    select (t.data ->> 'n')::int as n, w.id as window_id, w.closed_at is null as is_open, w.carrier_run = r.id as carries,
        r.id is null or exists (select from due where due.run_id = r.id) as is_under_way
    from triggers t left join recipient_runs r on r.trigger_id = t.id
    left join batch_items i on i.run_id = r.id left join batch_windows w on w.id = i.window_id
    where t.data ->> 'n' = any(:numbers)
"""
MEMBERS = """
    select (t.data ->> 'n')::int as n
    from batch_items i join recipient_runs r on r.id = i.run_id join triggers t on t.id = r.trigger_id
    where i.window_id = :window and i.cancelled_at is null order by t.sequence
"""
OPEN_TOO_LONG = """
    select w.id, w.workflow_key, w.sealed from batch_windows w
    where w.closed_at is null and w.carrier_run is not null and (w.sealed or engine_now() - interval '100 ms' > case
        when w.is_sliding then
            (select i.closes_at from batch_items i where i.window_id = w.id order by i.number desc limit 1)
        else w.closes_at end)
"""
CLOSED_TOO_EARLY = """
    select w.id, w.workflow_key from batch_windows w
    where w.closed_at is not null and not w.sealed and w.closed_at + interval '100 ms' < case
        when w.is_sliding then
            (select i.closes_at from batch_items i where i.window_id = w.id order by i.number desc limit 1)
        else w.closes_at end
"""
OF_SEVERAL_VERSIONS = """
    select i.window_id from batch_items i join recipient_runs r on r.id = i.run_id
    where r.workflow_key = 'pinned' group by 1 having count(distinct r.version_id) > 1
"""
TOO_FULL = """
    select w.id from batch_windows w where w.max_items < (
        select count(*) from batch_items i where i.window_id = w.id and i.cancelled_at is null)
"""


class World(RuleBasedStateMachine):
    """Applications, workers, timers, stores and time, each doing what it likes."""

    mail: MailServer
    redis_away: Away

    def __init__(self) -> None:
        super().__init__()
        with transaction() as tx:
            for table in EMPTIED:
                tx.run(text(f"delete from {table}"))
        client().flushdb()
        self.mail.reset()
        self.engine = Engine()
        self.published: defaultdict[str, int] = defaultdict(int)
        for mode in MODES:
            self.publish(mode)
        self.triggers: dict[int, tuple[str, str | None]] = {}
        self.gone: dict[int, bool] = {}
        """Activities that a cancellation has stopped, and whether they had arrived before."""
        self.unsure: set[int] = set()
        """Activities that a cancellation may have stopped, because it died half way."""
        self.arrived: defaultdict[int, set[str]] = defaultdict(set)
        self.messages: dict[str, tuple[int, list[int]]] = {}

    # What applications do

    def publish(self, mode: str) -> None:
        variants, number = MODES[mode], self.published[mode]
        batch = {
            "batch_window": {"unit": "minutes", "value": 5},
            "batch_key": "data.k",
            "batch_items_render_limit": 100,
            "workflow_version_mode": "latest",
            **variants[number % len(variants)],
        }
        steps = [
            {"ref": "batch_1", "type": "batch", "settings": {k: v for k, v in batch.items() if v is not None}},
            *([delay_step(unit="minutes", value=1)] if mode == "fixed" else []),
            email_step(subject=SUBJECT, html_body=f"<p>{number}</p>"),
        ]
        self.engine.publish(mode, steps)
        self.published[mode] += 1

    @rule(mode=st.sampled_from(["latest", "pinned"]))
    def publish_again(self, mode: str) -> None:
        self.publish(mode)

    @rule(
        mode=st.sampled_from([*MODES]),
        data=st.tuples(st.sampled_from("ab"), st.integers(1, 9)),
        key=st.none() | keys,
        times=st.integers(1, 3),
    )
    def trigger(self, mode: str, data: tuple[str, int], key: str | None, times: int) -> None:
        for _ in range(times):
            number = len(self.triggers)
            until = {"unit": "minutes", "value": data[1]}
            self.engine.trigger(
                mode,
                [{"id": "jane", "email": "jane@example.com"}],
                data={"n": number, "k": data[0], "until": until},
                cancellation_key=key,
            )
            self.triggers[number] = (mode, key)

    @rule(mode=st.sampled_from([*MODES]), key=keys, dies=st.none() | st.integers(1, 60), again=st.booleans())
    def cancel(self, mode: str, key: str, dies: int | None, again: bool) -> None:
        stopped = self.stopped_by(mode, key)
        self.read_mail()
        cancel = partial(self.engine.cancel, mode, key)
        if dies is not None and killed_after(dies, cancel) and not again:
            self.unsure |= stopped
            return
        cancel()
        for number in stopped:
            self.gone.setdefault(number, number in self.arrived)

    def stopped_by(self, mode: str, key: str) -> set[int]:
        """Whom a cancellation stops: whoever has not come into a window, who is in an open one, and everybody of a closed
        one whose carrier has the key and is not done."""
        numbers = {number for number, named in self.triggers.items() if named == (mode, key)}
        fates = self.engine.rows(FATE, numbers=[str(number) for number in numbers])
        stopped = numbers - {fate.n for fate in fates}
        for fate in fates:
            if fate.window_id is None or fate.is_open:
                stopped |= {fate.n} if fate.is_under_way or fate.is_open else set()
            elif fate.carries and fate.is_under_way:
                stopped |= {row.n for row in self.engine.rows(MEMBERS, window=fate.window_id)}
        return stopped

    # What workers and timers do

    @rule(fates=fates)
    def work(self, fates: list[str | int]) -> None:
        for bell in self.engine.bells():
            fate = fates.pop(0) if fates else "answer"
            if fate == "hold":
                self.engine.held.append(bell)
            elif isinstance(fate, int):
                killed_after(fate, partial(self.engine.answer, bell))
            elif fate == "away" and bell.task == "run_step":
                with self.redis_away():
                    self.engine.answer(bell)
            elif fate != "drop":
                for _ in range(2 if fate == "twice" else 1):
                    self.engine.answer(bell)

    @rule()
    def work_well(self) -> None:
        self.engine.drain()

    @rule(order=st.randoms(use_true_random=False))
    def late_bells(self, order: Any) -> None:
        order.shuffle(self.engine.held)
        for bell in self.engine.held:
            self.engine.answer(bell)

    @rule()
    def timers(self) -> None:
        Timers().publish()

    @rule()
    def everybody_does_their_work(self) -> None:
        self.settle()
        assert self.engine.rows(OPEN_TOO_LONG) == []

    def settle(self) -> None:
        for _ in range(4):
            lifeline.look()
            self.engine.drain()
            self.engine.release()
            self.engine.expire_leases()
            self.engine.tick()

    # What the world does

    @rule(seconds=st.sampled_from([1, 59, 61, 299.97, 301, 721]))
    def time_passes(self, seconds: float) -> None:
        clock.advance(seconds)
        Timers().publish()

    @precondition(lambda self: not pending.count())
    @rule()
    def redis_is_flushed(self) -> None:
        client().flushdb()

    # What is always so

    def read_mail(self) -> None:
        for mail in self.mail.messages:
            total, numbers, _ = str(mail["Subject"]).split("/")
            told = int(total), [int(number) for number in numbers.split(",") if number]
            assert self.messages.setdefault(str(mail["Message-ID"]), told) == told
            for number in told[1]:
                self.arrived[number].add(str(mail["Message-ID"]))
        self.mail.messages.clear()

    @invariant()
    def nothing_is_sent_twice_or_after_a_cancellation(self) -> None:
        self.read_mail()
        assert all(len(names) == 1 for names in self.arrived.values())
        assert all((number in self.arrived) == before for number, before in self.gone.items())

    @invariant()
    def windows_are_what_they_promise(self) -> None:
        for wrong in (CLOSED_TOO_EARLY, OF_SEVERAL_VERSIONS, TOO_FULL):
            assert self.engine.rows(wrong) == []

    def teardown(self) -> None:
        for _ in range(4):
            self.settle()
            clock.advance(3600)
        self.settle()
        assert (self.engine.count("due"), pending.count()) == (0, 0)
        assert self.engine.count("batch_windows where closed_at is null") == 0
        self.nothing_is_sent_twice_or_after_a_cancellation()
        self.windows_are_what_they_promise()
        self.every_message_is_a_whole_batch()
        for number, (mode, _) in self.triggers.items():
            if number not in self.gone and number not in self.unsure and mode != "newest":
                assert number in self.arrived, (number, mode)

    def every_message_is_a_whole_batch(self) -> None:
        """In the order of their triggers, with the right total; and every window that had anybody left is a message."""
        windows = self.engine.rows(
            "select w.id, w.workflow_key, w.total_activities as total, r.cancelled_at is not null as stopped"
            " from batch_windows w join recipient_runs r on r.id = w.carrier_run"
        )
        for window in windows:
            members = [row.n for row in self.engine.rows(MEMBERS, window=window.id)]
            shown = members[-2:] if window.workflow_key == "newest" else members
            names = {name for number in members for name in self.arrived.get(number, ())}
            assert window.total == len(members)
            if members and not window.stopped:
                assert [self.messages[name] for name in names] == [(len(members), shown)]
            else:
                assert len(names) <= 1
            if window.stopped:
                assert self.gone.keys() | self.unsure >= set(members)


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Nobody closes a victim's socket.
def test_each_activity_is_in_one_batch_and_each_batch_is_sent_once(
    engine: Engine, mail: MailServer, redis_away: Away, change_settings: ChangeSettings
) -> None:
    change_settings(accept_lease=0.000001)
    World.mail, World.redis_away = mail, staticmethod(redis_away)
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
