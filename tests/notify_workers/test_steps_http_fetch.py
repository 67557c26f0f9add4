"""Asking another machine: what is asked, what becomes of the answer, and what happens meanwhile."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notify_workers import calls, http_client, runner
from notify_workers.store.purges import delete_recipient
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence
from tests.notify_workers.language import JANE, data_of, details, function_step, logged, send
from workflows.effects import HttpCall, HttpReply
from workflows.recipients import USERS, Reference
from workflows.steps import http_fetch

SHOWN = email_step(subject="{{ data.name }}")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


def publish(engine: Engine, server: HttpServer, **settings: Any) -> None:
    request = {"method": "get", "url": server.url("/users/{{ recipient.id }}"), **settings}
    engine.publish("fetch", [function_step("http_fetch", **request), SHOWN])


def said(value: Any, status: int = 200) -> bytes:
    return answer(status, json.dumps(value).encode(), content_type="application/json")


def during(work: Callable[[], object], then: bytes) -> Callable[[HttpServer, Any], None]:
    """Something happens while the server thinks."""

    def thinking(_server: HttpServer, connection: Any) -> None:
        work()
        connection.sendall(then)

    return thinking


def owed(engine: Engine) -> int:
    return int(engine.one("select id from due").id)


# Asking


def test_the_answer_becomes_data_of_the_run(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(said({"name": "Ann", "extra": [1]}))
    publish(engine, server)
    send(engine, "fetch", data={"name": "Jane", "kept": 1})
    assert mail.subjects() == ["Ann"]
    assert data_of(engine) == {"name": "Ann", "kept": 1, "extra": [1]}
    assert server.heard[0].line == "GET /users/jane HTTP/1.1"


def test_the_answer_may_go_to_a_place_of_its_own(engine: Engine, server: HttpServer) -> None:
    server.will_say(said([1, 2], 201))
    publish(engine, server, response_path="user.numbers")
    send(engine, "fetch", data={"user": {"id": "jane"}})
    assert data_of(engine) == {"user": {"id": "jane", "numbers": [1, 2]}}


def test_no_content_leaves_the_data(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(answer(204))
    publish(engine, server)
    send(engine, "fetch", data={"name": "Jane"})
    assert mail.subjects() == ["Jane"]


def test_the_request_is_the_one_that_was_written(engine: Engine, server: HttpServer) -> None:
    publish(
        engine,
        server,
        method="post",
        headers='{"X-Plan": "{{ data.plan }}", "Authorization": "Bearer {{ data.token }}"}',
        query_params=[{"key": "q", "value": "{{ data.q }}"}],
        body='{"name": {{ recipient.name | json }}}',
        signing_key="{{ data.token }}",
    )
    send(engine, "fetch", data={"plan": "pro", "token": "s3cret", "q": "a b&c"})
    heard = server.heard[0]
    assert heard.line == "POST /users/jane?q=a+b%26c HTTP/1.1"
    assert (heard.headers["x-plan"], heard.headers["authorization"]) == ("pro", "Bearer s3cret")
    assert (heard.headers["content-type"], heard.headers["accept"]) == ("application/json", "application/json")
    assert json.loads(heard.body) == {"name": "Jane"}
    at, _, signed = heard.headers["x-knock-signature"].removeprefix("t=").partition(",s=")
    assert b64decode(signed) == hmac.digest(b"s3cret", at.encode() + b"." + heard.body, "sha256")
    assert "s3cret" not in repr(logged(engine))


# Answers that end the run, and such that are asked for again


@pytest.mark.parametrize("status", [202, 301, 400, 404, 429])
def test_any_other_answer_ends_the_run(status: int, engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(answer(status, b"{}", location="http://127.0.0.1:1/"))
    publish(engine, server)
    send(engine, "fetch")
    assert (engine.statuses(), mail.messages, len(server.heard)) == ({"completed": 1}, [], 1)
    assert details(engine, "run_halted") == [{"reason": f"the server answered {status}, after 1 try"}]
    assert engine.one("select error_count from recipient_runs").error_count == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"a": NaN}', b'{"a": "\\u0000"}', b"[1]", b'"text"'])
def test_an_answer_that_cannot_be_data_ends_the_run_after_one_try(
    body: bytes, engine: Engine, server: HttpServer
) -> None:
    server.will_say(answer(200, body))
    publish(engine, server)
    send(engine, "fetch")
    assert (engine.statuses(), engine.count("due"), len(server.heard)) == ({"completed": 1}, 0, 1)
    assert [event for event, _ in logged(engine)][-3:] == ["answer_invalid", "run_halted", "run_completed"]


@pytest.mark.parametrize("bad", [answer(500), answer(503, b"{}"), HANG_UP])
def test_what_may_pass_is_asked_again_after_30_and_60_seconds(
    bad: bytes, engine: Engine, server: HttpServer, mail: MailServer
) -> None:
    server.will_say(bad, bad, said({"name": "Ann"}))
    publish(engine, server)
    send(engine, "fetch")
    asked = len(server.heard)
    assert engine.statuses() == {"paused": 1}
    engine.advance(seconds=29)
    assert engine.statuses() == {"paused": 1}
    engine.advance(seconds=1)
    engine.release()
    assert engine.statuses() == {"paused": 1}
    engine.advance(seconds=59)
    assert len(server.heard) > asked
    assert mail.messages == []
    engine.advance(seconds=1)
    engine.release()
    assert mail.subjects() == ["Ann"]


def test_after_three_tries_the_run_ends(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(*[answer(500)] * 4)
    publish(engine, server)
    send(engine, "fetch")
    for seconds in (30, 60, 120):
        engine.advance(seconds=seconds)
        engine.release()
    assert (len(server.heard), engine.statuses(), mail.messages) == (3, {"completed": 1}, [])
    assert details(engine, "run_halted") == [{"reason": "the server answered 500, after 3 tries"}]


def test_a_server_that_says_nothing_is_asked_again(
    engine: Engine, server: HttpServer, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_fetch, "TIMEOUT", 0.2)
    server.will_say(silence, said({"name": "Ann"}))
    publish(engine, server)
    send(engine, "fetch")
    assert engine.statuses() == {"paused": 1}
    engine.advance(seconds=30)
    engine.release()
    assert mail.subjects() == ["Ann"]


@pytest.mark.parametrize("url", ["not a url", "ftp://a.test/", "{{ data.missing }}"])
def test_an_address_that_is_none_ends_the_run_at_once(url: str, engine: Engine, server: HttpServer) -> None:
    publish(engine, server, url=url)
    send(engine, "fetch")
    assert (engine.statuses(), server.heard) == ({"completed": 1}, [])
    assert len(details(engine, "run_halted")) == 1


def test_a_body_that_is_no_json_is_never_asked_for(engine: Engine, server: HttpServer) -> None:
    publish(engine, server, method="post", body='{"a": {{ data.missing }} }')
    send(engine, "fetch")
    for seconds in (2, 4):
        engine.advance(seconds=seconds)
        engine.release()
    assert server.heard == []
    assert details(engine, "step_failed")[0]["message"].startswith("http_fetch_1/body does not render to JSON")


# Meanwhile


def test_a_paused_try_can_be_cancelled(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    server.will_say(answer(500))
    publish(engine, server)
    send(engine, "fetch", cancellation_key="k")
    assert engine.cancel("fetch", "k") == 1
    engine.advance(seconds=30)
    assert (engine.statuses(), len(server.heard), mail.messages) == ({"cancelled": 1}, 1, [])


def test_nobody_holds_a_transaction_open_while_the_server_thinks(engine: Engine, server: HttpServer) -> None:
    seen: dict[str, Any] = {}
    open_ones = (
        "select count(*) as number from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and xact_start is not null and backend_type = 'client backend'"
    )

    def look() -> None:
        seen["row"] = engine.one("select leased_until > clock_timestamp() as leased, step from due")
        seen["open"] = engine.one(open_ones).number
        seen["bell"] = runner.run_step(owed(engine))
        engine.tick()
        engine.advance(minutes=5)
        seen["asked"] = len(server.heard)

    server.will_say(during(look, said({"name": "Ann"})))
    publish(engine, server)
    send(engine, "fetch")
    assert seen == {"row": (True, "http_fetch_1"), "open": 0, "bell": [], "asked": 1}
    assert data_of(engine) == {"name": "Ann"}
    assert len(server.heard) == 1


def test_a_cancellation_while_the_server_thinks_stops_the_run(
    engine: Engine, server: HttpServer, mail: MailServer
) -> None:
    cancelled: list[int | None] = []
    server.will_say(during(lambda: cancelled.append(engine.cancel("fetch", "k")), said({"name": "Ann"})))
    publish(engine, server)
    send(engine, "fetch", cancellation_key="k", data={"name": "Jane"})
    assert cancelled == [1]
    assert (engine.statuses(), engine.count("due"), mail.messages) == ({"cancelled": 1}, 0, [])
    assert data_of(engine) == {"name": "Jane"}


def test_a_workflow_switched_off_while_the_server_thinks_stops_the_run(engine: Engine, server: HttpServer) -> None:
    server.will_say(during(lambda: engine.set_active("fetch", active=False), said({"name": "Ann"})))
    publish(engine, server)
    send(engine, "fetch")
    assert (engine.statuses(), engine.count("due")) == ({"cancelled": 1}, 0)


def test_a_recipient_deleted_while_the_server_thinks_stops_the_run(engine: Engine, server: HttpServer) -> None:
    def delete() -> None:
        with transaction() as tx:
            delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))

    server.will_say(during(delete, said({"name": "Ann"})))
    publish(engine, server)
    send(engine, "fetch")
    assert (engine.statuses(), engine.count("due where kind <> 'purge'")) == ({}, 0)


def test_a_worker_that_dies_while_it_asks_is_replaced_after_the_lease(
    engine: Engine, server: HttpServer, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(call: HttpCall) -> HttpReply:
        http_client.call(call)
        raise KeyboardInterrupt

    server.will_say(said({"name": "Ann"}), said({"name": "Bob"}))
    publish(engine, server)
    with monkeypatch.context() as patched:
        patched.setattr(calls, "perform", dies)
        with pytest.raises(KeyboardInterrupt):
            send(engine, "fetch")
    engine.advance(minutes=10)
    assert (len(server.heard), engine.statuses()) == (1, {"queued": 1})
    engine.expire_leases()
    engine.tick()
    assert (len(server.heard), mail.subjects()) == (2, ["Bob"])


def test_a_worker_that_was_replaced_writes_nothing(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    def take_over() -> None:
        engine.expire_leases()
        engine.tick()

    server.will_say(during(take_over, said({"name": "Late"})), said({"name": "Ann"}))
    publish(engine, server)
    send(engine, "fetch")
    assert (mail.subjects(), data_of(engine)) == (["Ann"], {"name": "Ann"})
    assert len(details(engine, "fetched")) == 1


def test_an_outcome_that_the_database_refuses_fails_the_step_three_times(
    engine: Engine, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_fetch, "parse_json", lambda text: {"name": "\0"})
    server.will_say(*[said({})] * 3)
    publish(engine, server)
    send(engine, "fetch")
    for seconds in (2, 4):
        engine.advance(seconds=seconds)
        engine.release()
    assert (engine.statuses(), len(server.heard), engine.count("due")) == ({"completed": 1}, 3, 0)
    assert [each["attempt"] for each in details(engine, "step_attempt_failed")] == [1, 2]


def test_conditions_are_judged_once_for_all_tries(engine: Engine, server: HttpServer, mail: MailServer) -> None:
    condition = {"variable": "data.name", "operator": "equal_to", "argument": "Jane"}
    server.will_say(answer(500), said({"name": "Ann"}))
    publish(engine, server, conditions={"all": [condition]})
    send(engine, "fetch", JANE, data={"name": "Jane"})
    engine.advance(seconds=30)
    engine.release()
    assert (len(details(engine, "conditions_evaluated")), mail.subjects()) == (1, ["Ann"])
