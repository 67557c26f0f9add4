"""Feeds' entries and counts say what the messages say, whatever is done to these, by how many at once, and wherever it ends."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from sqlalchemy import text

from notify_workers import feeds, lifeline, statuses
from notify_workers.ids import channel_id
from notify_workers.store import feed_changes, merges, purges
from notify_workers.store.feed_changes import Feed
from notify_workers.store.feed_filters import FeedCounts, FeedFilter
from notify_workers.store.feeds import changes, counted, kept_counts, page_of_feed
from notify_workers.store.session import Transaction, transaction
from tests import channels
from tests.engine import DEVELOPMENT, Engine, email_step
from workflows.recipients import USERS, Reference

CHANNEL = channel_id("in-app-feed")
JANE = Feed(DEVELOPMENT, CHANNEL, "jane")
TENANTS = (None, "acme", "globex")
WORKFLOWS = {"welcome": (), "news": ("weekly",), "both": ("weekly", "daily")}


@pytest.fixture(autouse=True)
def workflows(engine: Engine) -> None:
    for key, categories in WORKFLOWS.items():
        engine.publish(key, [channels.step("in_app_feed")], categories=list(categories))


def arrive(engine: Engine, count: int = 1, user: str = "jane", **request: Any) -> list[str]:
    """Ids of new items, in the order in which they came."""
    known = set(ids(engine))
    for _ in range(count):
        engine.trigger(request.pop("workflow", "welcome"), [user], **request)
    engine.drain()
    return [each for each in ids(engine) if each not in known]


def ids(engine: Engine) -> list[str]:
    return [row.id for row in engine.rows("select id from messages order by inserted_at, id")]


def state(tx: Transaction, feed: Feed = JANE) -> feed_changes.FeedState:
    while feed_changes.behind(tx, [feed]):
        feed_changes.settle(tx, [feed])
    return feed_changes.states(tx, [feed])[feed]


def truth(tx: Transaction, wanted: FeedFilter) -> FeedCounts:
    """Counted from the entries, one by one."""
    return counted(tx, DEVELOPMENT, state(tx).id, wanted)


FILTERS = st.builds(
    FeedFilter,
    tenant=st.sampled_from((*TENANTS, "other")),
    has_tenant=st.sampled_from((None, True, False)),
    allowed_tenants=st.sampled_from((None, frozenset({None}), frozenset({"acme", None}), frozenset({"globex"}))),
    archived=st.sampled_from(("exclude", "include", "only")),
    workflow=st.sampled_from((None, "welcome", "news")),
    categories=st.sampled_from((frozenset(), frozenset({"weekly"}), frozenset({"daily", "x"}))),
)


def test_kept_counts_and_filters_equal_what_the_database_finds(engine: Engine) -> None:
    chance = random.Random(7)
    for workflow in WORKFLOWS:
        for tenant in TENANTS:
            arrive(engine, 2, workflow=workflow, tenant=tenant)
    known = ids(engine)

    @given(FILTERS, st.sampled_from(sorted(statuses.ACTIONS - {"delete"})))
    @trying(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(wanted: FeedFilter, action: str) -> None:
        with transaction() as tx:
            statuses.act(tx, DEVELOPMENT, chance.sample(known, 4), action)
        with transaction() as tx:
            feed = state(tx)
            assert wanted.sum(kept_counts(tx, [feed.id])[feed.id]) == truth(tx, wanted)
            found = page_of_feed(tx, DEVELOPMENT, feed.id, wanted, "all", after=None, before=None, limit=100)
            entries = changes(tx, {feed.id: 0}, 100)[feed.id]
            assert {row.message.id for row in found} == {each.message_id for each in entries if wanted.covers(each)}

    holds()


def test_each_change_has_a_number_above_all_that_was_seen_before(engine: Engine) -> None:
    first, second = arrive(engine, 2)
    with transaction() as tx:
        before = state(tx)
    with transaction() as tx:
        statuses.act(tx, DEVELOPMENT, [first], "seen")
    with transaction() as tx:
        after = state(tx)
        (changed,) = changes(tx, {after.id: before.sequence}, 10)[after.id]
    assert (after.sequence, changed.changed, changed.message_id) == (before.sequence + 1, before.sequence + 1, first)
    assert changed.number < before.sequence + 1
    assert second != first


def test_what_commits_late_comes_after_what_was_seen_before(engine: Engine) -> None:
    """The transaction that began first ends last: its change must not get a number below one that a client knows."""
    slow, quick = arrive(engine, 2)
    with transaction() as late:
        statuses.act(late, DEVELOPMENT, [slow], "read")
        with transaction() as tx:
            statuses.act(tx, DEVELOPMENT, [quick], "read")
        with transaction() as tx:
            known = state(tx).sequence
    with transaction() as tx:
        feed = state(tx)
        assert [each.message_id for each in changes(tx, {feed.id: known}, 10)[feed.id]] == [slow]


def test_nothing_is_lost_when_settling_ends_halfway(engine: Engine) -> None:
    arrive(engine, 3)

    class Killed(Exception):
        pass

    def die_settling() -> None:
        with transaction() as tx:
            feed_changes.settle(tx, [JANE])
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            die_settling()
    with transaction() as tx:
        feed = state(tx)
        assert len(changes(tx, {feed.id: 0}, 10)[feed.id]) == 3
        assert FeedFilter().sum(kept_counts(tx, [feed.id])[feed.id]) == FeedCounts(3, 3, 3)


def test_many_may_settle_at_once(engine: Engine) -> None:
    for each in range(6):
        arrive(engine, user=f"user-{each}")
    arrive(engine, 4)
    everybody = [JANE, *(Feed(DEVELOPMENT, CHANNEL, f"user-{each}") for each in range(6))]

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            with transaction() as tx:
                statuses.act(
                    tx,
                    DEVELOPMENT,
                    chance.sample(known, 3),
                    chance.choice(["seen", "unseen", "archived", "unarchived"]),
                )
            with transaction() as tx:
                feed_changes.settle(tx, chance.sample(everybody, 4))
            feeds.settle_noted()

    known = ids(engine)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with transaction() as tx:
        for archived in ("exclude", "include", "only"):
            wanted = FeedFilter(archived=archived)
            assert wanted.sum(kept_counts(tx, [state(tx).id])[state(tx).id]) == truth(tx, wanted)
        seen = changes(tx, {state(tx).id: 0}, 100)[state(tx).id]
        assert len({each.changed for each in seen}) == 4
        assert max(each.changed for each in seen) <= state(tx).sequence


def test_items_go_with_the_user_that_they_are_merged_into(engine: Engine) -> None:
    engine.identify("jane", name="Jane")
    mine = arrive(engine, 2)
    with transaction() as tx:
        sequence = state(tx).sequence
        merges.merge(tx, DEVELOPMENT, Reference(USERS, "jane"), Reference(USERS, "joe"), 86_400.0)
    joe = Feed(DEVELOPMENT, CHANNEL, "joe")
    with transaction() as tx:
        left, right = state(tx), state(tx, joe)
        assert [each.gone for each in changes(tx, {left.id: sequence}, 10)[left.id]] == [True, True]
        assert sorted(each.message_id for each in changes(tx, {right.id: 0}, 10)[right.id]) == sorted(mine)
        counts = kept_counts(tx, [left.id, right.id])
        assert FeedFilter().sum(counts[left.id]) == FeedCounts(0, 0, 0)
        assert FeedFilter().sum(counts[right.id]) == FeedCounts(2, 2, 2)


def test_a_deleted_users_feed_is_forgotten_and_its_numbers_are_not_used_again(engine: Engine) -> None:
    arrive(engine, 2)
    with transaction() as tx:
        sequence = state(tx).sequence
        purges.delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))
    engine.drain()
    feeds.settle_noted()
    engine.advance(days=2)
    lifeline.look()
    assert engine.rows("select id from feeds") == engine.rows("select feed_id from feed_entries") == []
    assert engine.rows("select feed_id from feed_counts") == []
    arrive(engine)
    with transaction() as tx:
        assert state(tx).sequence > sequence


def test_only_what_a_users_feed_shows_is_noted(engine: Engine) -> None:
    engine.publish("mails", [email_step()])
    engine.trigger("mails", [{"id": "jane", "email": "jane@example.com"}])
    engine.trigger("welcome", [{"collection": "projects", "id": "p"}])
    engine.drain()
    assert engine.rows("select id from feed_changes") == []


def test_a_feed_that_nobody_reads_is_settled_in_time(engine: Engine) -> None:
    arrive(engine, 3)
    assert feeds.settle_noted() == 1
    assert feeds.settle_noted() == 0
    assert engine.rows("select id from feed_changes") == []


def test_another_environments_feed_is_another_one(engine: Engine) -> None:
    arrive(engine)
    other = Feed(UUID(int=5), CHANNEL, "jane")
    with transaction() as tx:
        feed_changes.settle(tx, feed_changes.behind(tx, [other, JANE]))
        assert feed_changes.states(tx, [other, JANE]).keys() == {JANE}
        assert tx.scalar(text("select count(*) from feeds")) == 1


def test_many_changes_are_settled_in_parts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(engine, 5)
    with transaction() as tx:
        assert feed_changes.settle(tx, [JANE], limit=2)
        assert feed_changes.settle(tx, [JANE], limit=2)
        assert not feed_changes.settle(tx, [JANE], limit=2)
        assert FeedFilter().sum(kept_counts(tx, [state(tx).id])[state(tx).id]) == FeedCounts(5, 5, 5)


def test_a_workflow_of_very_many_categories_is_settled_like_others(engine: Engine) -> None:
    categories = [f"{n}-{random.Random(n).randbytes(20).hex()}" for n in range(200)]
    engine.publish("wide", [channels.step("in_app_feed")], categories=categories)
    arrive(engine, workflow="wide")
    assert feeds.settle_noted() == 1
    with transaction() as tx:
        found = kept_counts(tx, [state(tx).id])[state(tx).id]
        assert FeedFilter(categories=frozenset(categories[:1])).sum(found) == FeedCounts(1, 1, 1)


def test_a_feed_that_cannot_be_settled_holds_up_no_other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(engine, user="joe")
    arrive(engine)
    settle = feed_changes.settle

    def broken(tx: Transaction, wanted: Any, **options: Any) -> bool:
        if any(each.user_id == "jane" for each in wanted):
            raise ValueError("poison")
        return settle(tx, wanted, **options)

    with monkeypatch.context() as patched:
        patched.setattr(feed_changes, "settle", broken)
        assert feeds.settle_noted() == 1
    assert [row.recipient_id for row in engine.rows("select recipient_id from feed_changes")] == ["jane"]
    assert feeds.settle_noted() == 1
