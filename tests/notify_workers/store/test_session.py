from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError

from notify_workers.errors import Collision, StoreUnavailable
from notify_workers.queue import Bell
from notify_workers.store import session
from notify_workers.store.session import (
    MOST_COLLISIONS,
    Jsonb,
    Transaction,
    as_json,
    statement,
    transact,
    transaction,
)
from tests.engine import Engine
from tests.notify_workers.conftest import Away

BELL = Bell("run_step", (1,))
MOVE = text("update clock set offset_seconds = 60")


def offset(engine: Engine) -> float:
    return float(engine.one("select offset_seconds as seconds from clock").seconds)


def test_what_was_written_is_there_and_the_bells_ring_after_it(engine: Engine) -> None:
    with transaction() as tx:
        tx.run(MOVE)
        tx.ring(BELL, BELL)
        assert list(engine.bells()) == []
    assert (offset(engine), len(list(engine.bells()))) == (60, 2)


def test_after_an_error_nothing_was_written_and_nothing_rings(engine: Engine) -> None:
    with suppress(KeyError), transaction() as tx:
        tx.run(MOVE)
        tx.ring(BELL)
        raise KeyError
    assert (offset(engine), list(engine.bells())) == (0, [])


def test_a_single_statement_is_written_at_once(engine: Engine) -> None:
    with suppress(KeyError), statement() as tx:
        tx.run(MOVE)
        tx.ring(BELL)
        assert offset(engine) == 60
        raise KeyError
    assert (offset(engine), list(engine.bells())) == (60, [])
    with statement() as tx:
        tx.ring(BELL)
    assert len(list(engine.bells())) == 1


def test_a_database_that_is_away_is_one_kind_of_error(engine: Engine, database_away: Away) -> None:
    for kind in (transaction, statement):
        with database_away(), pytest.raises(StoreUnavailable, match="does not answer"), kind():
            pass


def test_a_connection_that_dies_is_the_same_kind_and_the_next_one_works(engine: Engine) -> None:
    for kind in (transaction, statement):
        with pytest.raises(StoreUnavailable), kind() as tx:
            tx.run(text("select pg_terminate_backend(pg_backend_pid())"))
        with kind() as tx:
            assert tx.scalar(text("select 1")) == 1


def test_a_connection_that_died_in_the_pool_costs_one_error(engine: Engine) -> None:
    with transaction() as tx:
        mine = tx.scalar(text("select pg_backend_pid()"))
    with statement() as tx:
        tx.run(text("select pg_terminate_backend(:pid)"), pid=mine)
    with pytest.raises(StoreUnavailable), transaction() as tx:
        tx.run(text("select 1"))
    with transaction() as tx:
        assert tx.scalar(text("select 1")) == 1


def test_what_the_database_refuses_is_an_error_of_its_own_and_quotes_no_parameters(engine: Engine) -> None:
    with pytest.raises(DataError) as caught, transaction() as tx:
        tx.run(text("select cast(:value as jsonb)"), value="\0secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(IntegrityError), transaction() as tx:
        tx.run(text("insert into clock default values"))


def test_values_travel_as_json_and_none_as_null(engine: Engine) -> None:
    with transaction() as tx:
        found = tx.one(
            text("select :value as value, :nothing as nothing"), value=as_json({"ü": [1, None]}), nothing=None
        )
    assert tuple(found) == ({"ü": [1, None]}, None)
    assert as_json(None) is None
    assert isinstance(as_json([]), Jsonb)


def test_the_time_is_in_utc_and_moves_with_the_clock(engine: Engine) -> None:
    with transaction() as tx:
        before = session.now(tx)
        tx.run(MOVE)
        assert 59 < (session.now(tx) - before).total_seconds() < 70
    assert before.utcoffset().total_seconds() == 0


def test_of_two_transactions_that_wait_for_each_other_one_is_done_again(engine: Engine) -> None:
    for each in ("a", "b"):
        engine.identify(each)
    meeting, tried = Barrier(2, timeout=60), []

    def lock(tx: Transaction, first: str, second: str) -> str:
        tried.append(first)
        statement = text("update recipients set updated_at = engine_now() where id = :id")
        tx.run(statement, id=first)
        if len(tried) < 3:
            meeting.wait()
        tx.run(statement, id=second)
        return first

    with ThreadPoolExecutor(2) as threads:
        hands = [threads.submit(transact, partial(lock, first=one, second=two)) for one, two in ("ab", "ba")]
        assert [hand.result(60) for hand in hands] == ["a", "b"]
    assert len(tried) == 3


def test_a_transaction_that_collides_for_ever_is_refused_as_if_the_database_did_not_answer(engine: Engine) -> None:
    tried = []

    def collide(_: Transaction) -> None:
        tried.append(1)
        raise Collision("again")

    with pytest.raises(StoreUnavailable):
        transact(collide)
    assert len(tried) == MOST_COLLISIONS + 1
