"""The socket: Phoenix channels as the official client speaks them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from api_shim import realtime
from api_shim.auth import Caller
from api_shim.directory import Directory, load_snapshot
from api_shim.phoenix import Frame
from api_shim.realtime import PATH
from notify_workers import guides, resources, signing_keys
from notify_workers.store import environments
from tests.answers import eventually
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.guides import CHANNEL, guide_step, mark, publish
from tests.sockets import KEY, OK, Client, connected
from tests.user_tokens import secure, signed

TOPIC = f"guides:{CHANNEL}"
ChangeSettings = Callable[..., None]


def join(client: Client, topic: str = TOPIC, ref: str = "1", **payload: Any) -> dict[str, Any]:
    return client.join(topic, ref, {"user_id": "jane", **payload})


def refused(api: CheckedClient, query: str) -> bool:
    try:
        with api.websocket_connect(f"{PATH}{query}"):
            return False
    except WebSocketDisconnect:
        return True


# The link


def test_a_link_is_made_and_beats(api: CheckedClient) -> None:
    with connected(api) as client:
        client.beats()


@pytest.mark.parametrize("query", ["", "?api_key=", "?api_key=pk_wrong", "?api_key=knock_st_doorbell", "?api_key=%00"])
def test_a_wrong_key_is_refused_before_there_is_a_link(api: CheckedClient, query: str) -> None:
    assert refused(api, query)


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", 1003), ("{}", 1003), ("[1,2]", 1003), ('["1","1","t","e",null]', 1003), ("x" * 70_000, 1009)],
)
def test_what_is_no_frame_closes_the_link(api: CheckedClient, text: str, code: int) -> None:
    with connected(api) as client:
        client.session.send_text(text)
        assert client.closed_with() == code


def test_bytes_close_the_link(api: CheckedClient) -> None:
    with connected(api) as client:
        client.session.send_bytes(b"\x00")
        assert client.closed_with() == 1003


def test_a_silent_client_loses_its_link(api: CheckedClient, change_settings: ChangeSettings) -> None:
    change_settings(socket_idle=0.1)
    with connected(api) as client:
        assert client.closed_with() == 1001


def test_a_revoked_key_loses_its_link(api: CheckedClient, engine: Engine) -> None:
    with resources.configuration() as tx:
        identifier = environments.add_key(tx, "pk_short", kind="public", environment=DEVELOPMENT, name="short")
    with connected(api, "?api_key=pk_short") as client:
        client.beats()
        with resources.configuration() as tx:
            environments.revoke_key(tx, identifier)
        directory = api.app.app.state.directory  # type: ignore[attr-defined]
        eventually(lambda: environments.digest("pk_short") not in directory.snapshot.keys)
        client.say(None, "1", "phoenix", "heartbeat", {})
        assert client.closed_with() == 1008


def test_a_slow_client_loses_its_link_and_does_not_fill_memory(change_settings: ChangeSettings, engine: Engine) -> None:
    change_settings(socket_queue=3)

    async def flooded() -> tuple[int, int]:
        snapshot = await asyncio.to_thread(load_snapshot)
        (key,) = (
            each for each in snapshot.keys.values() if each.kind == "public" and each.environment_id == DEVELOPMENT
        )
        socket = realtime.Socket(None, Caller(DEVELOPMENT, key), Directory(snapshot), {})  # type: ignore[arg-type]
        for number in range(10):
            socket.send(Frame(None, str(number), "t", "e", {}))
        return socket._waiting.qsize(), socket._ended.result()

    assert asyncio.run(flooded()) == (3, realtime.TRY_AGAIN)


def test_keys_and_tokens_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    realtime.keep_secrets()
    with caplog.at_level(logging.INFO, "uvicorn.error"):
        logging.getLogger("uvicorn.error").info(
            '%s - "WebSocket %s" [accepted]', "1.2.3.4:5", f"{PATH}?user_token=ey.a&api_key=pk_1"
        )
    assert caplog.messages == [f'1.2.3.4:5 - "WebSocket {PATH}?user_token=•••&api_key=•••" [accepted]']


# Joining


def test_a_topic_is_joined_and_left(api: CheckedClient) -> None:
    with connected(api) as client:
        assert join(client) == OK
        client.say("1", "2", TOPIC, "phx_leave", {})
        assert client.hear() == ["1", "2", TOPIC, "phx_reply", OK]
        assert client.hear() == ["1", "1", TOPIC, "phx_close", {}]
        publish("tour")
        client.beats()


def test_a_leave_that_comes_late_does_not_end_the_new_join(api: CheckedClient) -> None:
    with connected(api) as client:
        join(client, ref="1")
        join(client, ref="5")
        client.say("1", "6", TOPIC, "phx_leave", {})
        assert client.hear() == ["1", "6", TOPIC, "phx_reply", OK]
        publish("tour")
        assert client.hear()[0] == "5"


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("other:1", {}, "unmatched topic"),
        ("guides", {}, "resource_missing"),
        ("guides:nope", {}, "resource_missing"),
        ("guides:00000000-0000-0000-0000-000000000000", {}, "resource_missing"),
        (TOPIC, {"user_id": None}, "invalid_params"),
        (TOPIC, {"user_id": "a/b"}, "invalid_params"),
        (TOPIC, {"user_id": "a\0"}, "invalid_params"),
        (TOPIC, {"tenant": 7}, "invalid_params"),
        (TOPIC, {"data": "{}"}, "invalid_params"),
    ],
)
def test_a_join_that_cannot_be_is_answered_with_the_reason(
    api: CheckedClient, topic: str, payload: dict[str, Any], reason: str
) -> None:
    with connected(api) as client:
        answer = join(client, topic, **payload)
        assert (answer["status"], answer["response"]["reason"]) == ("error", reason)
        client.beats()


def test_topics_of_one_link_are_bounded(api: CheckedClient, change_settings: ChangeSettings) -> None:
    change_settings(socket_topics=1)
    with connected(api) as client:
        assert join(client) == OK
        assert join(client, ref="2") == OK
        other = join(client, TOPIC.upper().replace("GUIDES", "guides"), ref="3")
        assert other == {"status": "error", "response": {"reason": "too many topics"}}


def test_what_is_not_joined_is_passed_by(api: CheckedClient) -> None:
    with connected(api) as client:
        client.say("9", "1", TOPIC, "whatever", {})
        client.say(None, "1", "phoenix", "whatever", {})
        client.beats()


# What is told


def test_a_guide_that_is_published_is_added_with_its_place_in_the_order(api: CheckedClient, engine: Engine) -> None:
    engine.identify("jane", name="Jane")
    with connected(api) as client:
        join(client, data={"n": 1})
        publish("tour", guide_step(title="{{ recipient.name }} {{ data.n }}"))
        event, data = client.told()
        assert (event, data["eligible"]) == ("guide.added", True)
        assert data["guide"]["steps"][0]["content"] == {"title": "Jane 1"}
        (entry,) = api.get(f"/v1/users/jane/guides/{CHANNEL}", params={"data": '{"n": 1}'}).json()["entries"]
        assert data["guide"] == entry
        event, data = client.told()
        assert (event, data["guide_group"]["display_sequence"]) == ("guide_group.added", ["tour"])


def test_a_change_of_a_guide_is_told_with_whether_the_user_may_see_it(api: CheckedClient) -> None:
    publish("tour")
    with connected(api) as client:
        join(client)
        publish("tour", guide_step(title="New"))
        event, data = client.told()
        assert (event, data["eligible"], data["guide"]["semver"]) == ("guide.updated", True, "0.0.2")
        guides.set_active(DEVELOPMENT, "tour", False)
        event, data = client.told()
        assert (event, data["eligible"], data["guide"]["active"]) == ("guide.updated", False, False)


def test_everybody_is_told_their_own_truth(api: CheckedClient) -> None:
    publish("tour")
    api.put("/v1/users/jane/guides/messages/archived", json=mark("tour"))
    with connected(api) as jane, connected(api) as joe, connected(api) as tester:
        join(jane)
        join(joe, user_id="joe")
        join(tester, force_all_guides=True)
        publish("tour", guide_step(title="New"))
        assert [client.told()[1]["eligible"] for client in (jane, joe, tester)] == [False, True, True]


def test_a_new_guide_is_not_told_to_those_who_may_not_see_it(api: CheckedClient) -> None:
    with connected(api) as client:
        join(client)
        publish("beta", target_audience_key="testers")
        assert client.told()[0] == "guide_group.added"


def test_a_guide_that_goes_is_removed_from_the_order_too(api: CheckedClient) -> None:
    publish("tour")
    with connected(api) as client:
        join(client)
        guides.archive(DEVELOPMENT, "tour")
        assert client.told() == ("guide.removed", {"guide": {"key": "tour"}})
        event, data = client.told()
        assert (event, data["guide_group"]["display_sequence"]) == ("guide_group.updated", [])


def test_a_change_of_the_order_is_told(api: CheckedClient) -> None:
    publish("aaa")
    publish("bbb")
    with connected(api) as client:
        join(client)
        guides.set_order(DEVELOPMENT, ["bbb"])
        event, data = client.told()
        assert (event, data["guide_group"]["display_sequence"]) == ("guide_group.updated", ["bbb", "aaa"])


def test_another_environments_changes_are_not_told(api: CheckedClient) -> None:
    with connected(api, "?api_key=pk_live_doorbell") as client:
        join(client)
        with connected(api) as other:
            join(other)
            publish("tour")
            assert other.told()[0] == "guide.added"
        client.beats()


# Whose guides


def test_with_enhanced_security_a_socket_needs_a_token(api: CheckedClient) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    assert refused(api, f"{KEY}&user_token=ey.ey.ey")
    with connected(api, f"{KEY}&user_token={signed('jane')}") as client:
        assert join(client) == OK
        answer = join(client, ref="2", user_id="joe")
        assert (answer["status"], answer["response"]["reason"]) == ("error", "authorization")


def test_a_token_that_expires_ends_the_link(api: CheckedClient, change_settings: ChangeSettings) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    with connected(api, f"{KEY}&user_token={signed('jane')}") as client:
        client.beats()
        change_settings(user_token_leeway=-7200.0)
        client.say(None, "1", "phoenix", "heartbeat", {})
        assert client.closed_with() == 1008


def test_a_token_whose_key_is_trusted_no_more_ends_the_link(api: CheckedClient) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    with connected(api, f"{KEY}&user_token={signed('jane')}") as client:
        client.beats()
        (known,) = signing_keys.every()
        assert signing_keys.remove(known.id)
        directory = api.app.app.state.directory  # type: ignore[attr-defined]
        eventually(lambda: not directory.security_of(DEVELOPMENT).public_keys)
        client.say(None, "1", "phoenix", "heartbeat", {})
        assert client.closed_with() == 1008
    assert refused(api, f"{KEY}&user_token={signed('jane')}")


def test_a_link_from_before_enhanced_security_ends_with_it(api: CheckedClient) -> None:
    with connected(api) as client:
        client.beats()
        secure()
        directory = api.app.app.state.directory  # type: ignore[attr-defined]
        eventually(lambda: directory.security_of(DEVELOPMENT).enhanced)
        client.say("1", "1", TOPIC, "phx_join", {"user_id": "joe"})
        assert client.closed_with() == 1008


def test_a_page_of_another_origin_gets_no_link(api: CheckedClient, change_settings: ChangeSettings) -> None:
    change_settings(allowed_origins="https://app.example.com")
    with (
        pytest.raises(WebSocketDisconnect),
        api.websocket_connect(PATH + KEY, headers={"Origin": "https://evil.example"}),
    ):
        pass
    with api.websocket_connect(PATH + KEY, headers={"Origin": "https://app.example.com"}) as session:
        Client(session).beats()
    with connected(api) as client:
        client.beats()
