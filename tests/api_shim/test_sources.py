"""Sources: what is signed is done once, in a fixed order; what is not signed changes nothing."""

from __future__ import annotations

import base64
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha1
from hmac import HMAC
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from svix.webhooks import Webhook

from notify_workers import lifeline, signatures, sources
from notify_workers.errors import InvalidParams
from notify_workers.store.sources import Source
from tests.answers import code
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()

USER: dict[str, Any] = {
    "id": "user_29w83sxmDNGwOuEthce5gg56FcC",
    "object": "user",
    "first_name": "Example",
    "last_name": "Person",
    "image_url": "https://img.clerk.com/xxxxxx",
    "created_at": 1654012591514,
    "primary_email_address_id": "idn_2",
    "email_addresses": [
        {"id": "idn_1", "email_address": "other@example.org"},
        {"id": "idn_2", "email_address": "example@example.org"},
    ],
    "primary_phone_number_id": None,
    "phone_numbers": [],
}


@pytest.fixture
def clerk(engine: Engine) -> Source:
    return sources.configure(DEVELOPMENT, "clerk", "clerk", {"settings": {"secret": SECRET}})


def signed(
    body: str, secret: str = SECRET, identifier: str | None = None, at: datetime | None = None
) -> dict[str, str]:
    """Headers as Svix signs them."""
    identifier, at = identifier or f"msg_{uuid4().hex}", at or datetime.now(UTC)
    return {
        "svix-id": identifier,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(identifier, at, body),
        "content-type": "application/json",
    }


def send(api: CheckedClient, source: Source, body: str, headers: dict[str, str]) -> httpx2.Response:
    return api.post(f"/v1/sources/{source.token}", content=body.encode(), headers={"Authorization": "", **headers})


def happens(api: CheckedClient, source: Source, event_type: str, about: dict[str, Any], **options: Any) -> int:
    body = json.dumps({"type": event_type, "object": "event", "data": about})
    return send(api, source, body, signed(body, **options)).status_code


def statuses(engine: Engine) -> list[str]:
    return [row.status for row in engine.rows("select status from source_events order by number")]


# Clerk


def test_clerks_users_are_kept_in_step(api: CheckedClient, clerk: Source) -> None:
    assert happens(api, clerk, "user.created", USER) == 204
    known = api.get(f"/v1/users/{USER['id']}").json()
    assert (known["name"], known["email"], known["avatar"]) == (
        "Example Person",
        "example@example.org",
        "https://img.clerk.com/xxxxxx",
    )
    assert known["created_at"] == "2022-05-31T15:56:31.514000Z"
    changed = {**USER, "first_name": "New", "last_name": None, "primary_email_address_id": "idn_1"}
    assert happens(api, clerk, "user.updated", changed) == 204
    known = api.get(f"/v1/users/{USER['id']}").json()
    assert (known["name"], known["email"]) == ("New", "other@example.org")
    assert happens(api, clerk, "user.deleted", {"id": USER["id"], "object": "user", "deleted": True}) == 204
    assert api.get(f"/v1/users/{USER['id']}").status_code == 404


def test_a_session_makes_its_user_known_and_takes_nothing_away(api: CheckedClient, clerk: Source) -> None:
    session = {"id": "sess_1", "object": "session", "user_id": USER["id"], "status": "active", "user": None}
    assert happens(api, clerk, "session.created", session) == 204
    assert api.get(f"/v1/users/{USER['id']}").json()["email"] is None
    happens(api, clerk, "session.created", {**session, "user": USER})
    happens(api, clerk, "session.created", session)
    assert api.get(f"/v1/users/{USER['id']}").json()["email"] == "example@example.org"


def test_what_is_not_signed_changes_nothing(api: CheckedClient, clerk: Source, engine: Engine) -> None:
    body = json.dumps({"type": "user.created", "data": USER})
    other = "whsec_" + base64.b64encode(b"another secret, just as long as it").decode()
    old = datetime.now(UTC) - timedelta(minutes=6)
    good = signed(body)
    wrong: list[tuple[str, dict[str, str]]] = [
        (body, {}),
        (body, signed(body, secret=other)),
        (body, signed(body, at=old)),
        (body, signed(body, at=datetime.now(UTC) + timedelta(minutes=6))),
        (body + " ", good),
        (body, {**good, "svix-id": "msg_other"}),
        (body, {**good, "svix-signature": "v1"}),
        (body, {**good, "svix-signature": "v1,%%%"}),
        (body, {**good, "svix-timestamp": "soon"}),
        ("not json", {}),
    ]
    answers = [send(api, clerk, *each) for each in wrong]
    assert [(each.status_code, code(each)) for each in answers] == [(401, "invalid_signature")] * len(wrong)
    assert [engine.count(each) for each in ("recipients", "source_events", "source_keys")] == [0, 0, 0]
    assert send(api, clerk, body, good).status_code == 204


def test_an_unknown_source_is_not_found_and_a_body_must_be_json(api: CheckedClient, clerk: Source) -> None:
    assert code(api.post("/v1/sources/unknown", json={})) == "resource_missing"
    assert send(api, clerk, "not json", signed("not json")).status_code == 400
    assert send(api, clerk, "[]", signed("[]")).status_code == 422
    sources.configure(DEVELOPMENT, "clerk", "clerk", {"enabled": False, "settings": {"secret": SECRET}})
    assert happens(api, clerk, "user.created", USER) == 404


def test_another_delivery_of_an_event_is_answered_and_repeats_nothing(
    api: CheckedClient, clerk: Source, engine: Engine
) -> None:
    assert happens(api, clerk, "user.created", USER, identifier="msg_1") == 204
    api.put(f"/v1/users/{USER['id']}", json={"name": "Changed here"})
    assert happens(api, clerk, "user.created", USER, identifier="msg_1") == 204
    assert api.get(f"/v1/users/{USER['id']}").json()["name"] == "Changed here"
    assert statuses(engine) == ["done", "duplicate"]
    engine.advance(hours=25)
    assert happens(api, clerk, "user.created", USER, identifier="msg_1") == 204
    assert api.get(f"/v1/users/{USER['id']}").json()["name"] == "Example Person"


def test_a_request_that_is_repeated_under_other_names_is_the_same_event(
    api: CheckedClient, clerk: Source, engine: Engine
) -> None:
    own = sources.configure(DEVELOPMENT, "own", "http", {"settings": {"secret": SECRET}})
    for source, first, other in ((clerk, "svix", "webhook"), (own, "webhook", "svix")):
        body = json.dumps({"type": "user.updated", "data": USER})
        was = signed(body)
        sent = {f"{first}-{part}": was[f"svix-{part}"] for part in ("id", "timestamp", "signature")}
        renamed = {f"{other}-{part}": was[f"svix-{part}"] for part in ("id", "timestamp", "signature")}
        forged = {**was, "webhook-id": "another"}
        assert [send(api, source, body, headers).status_code for headers in (sent, renamed, forged)] == [204] * 3
    keys = engine.rows("select distinct source_id, idempotency_key from source_events")
    assert len(keys) == 2
    assert [row.n for row in engine.rows("select count(*) as n from source_events where status = 'duplicate'")] == [4]


def test_what_nobody_asked_for_is_recorded_only(api: CheckedClient, clerk: Source, engine: Engine) -> None:
    assert happens(api, clerk, "organization.created", {"id": "org_1"}) == 204
    assert (statuses(engine), engine.count("recipients")) == (["ignored"], 0)


# Other sources

MAPPINGS: list[dict[str, Any]] = [
    {
        "event_type": "order.paid",
        "action_type": "workflows_trigger",
        "action_parameters": {
            "workflow": "receipt",
            "recipients": ["body.order.buyer"],
            "tenant": "body.order.shop",
            "data": {"total": "body.order.total", "currency": {"value": "body.eur"}},
        },
    },
    {
        "event_type": "order.paid",
        "action_type": "users_identify",
        "action_parameters": {"id": "body.order.buyer", "properties": {"email": "body.order.email", "plan": "pro"}},
    },
    {
        "event_type": "order.paid",
        "action_type": "objects_set",
        "action_parameters": {"collection": "orders", "id": "body.order.number", "properties": "body.order"},
    },
    {
        "event_type": "order.paid",
        "action_type": "objects_subscribe",
        "action_parameters": {"collection": "orders", "id": "body.order.number", "recipients": "body.order.buyer"},
    },
]

ORDER = {
    "type": "order.paid",
    "user_id": "jane",
    "order": {"number": 7, "buyer": "jane", "email": "jane@example.com", "shop": "acme", "total": 12},
}


@pytest.fixture
def shop(engine: Engine) -> Source:
    engine.publish("receipt", [email_step(subject="{{ data.total }} {{ data.currency }} {{ recipient.plan }}")])
    return sources.configure(DEVELOPMENT, "shop", "http", {"settings": {"secret": "s3cret"}, "mappings": MAPPINGS})


def own(body: str, secret: str = "s3cret", at: float | None = None) -> dict[str, str]:
    return {"x-doorbell-signature": signatures.signature(secret, body.encode(), at or time.time())}


def order(api: CheckedClient, source: Source, key: str = "", **changes: Any) -> int:
    body = json.dumps({**ORDER, **changes})
    return send(api, source, body, {**own(body), "webhook-id": key or uuid4().hex}).status_code


def test_an_events_actions_are_done_in_a_fixed_order_and_start_workflows(
    api: CheckedClient, shop: Source, engine: Engine, mail: MailServer
) -> None:
    assert order(api, shop) == 204
    engine.drain()
    assert mail.subjects() == ["12 body.eur pro"]
    (event,) = engine.rows("select status, actions, recipient_id from source_events")
    assert [each["type"] for each in event.actions] == [
        "users_identify",
        "objects_set",
        "objects_subscribe",
        "workflows_trigger",
    ]
    assert (event.status, event.recipient_id) == ("done", "jane")
    (run,) = api.get("/v1/workflow_recipient_runs").json()["items"]
    assert (run["trigger_source"]["type"], run["tenant"]) == ("integration", "acme")
    assert event.actions[3]["workflow_run_id"] == run["workflow_run_id"]
    assert api.get("/v1/objects/orders/7").json()["properties"]["total"] == 12


def test_what_cannot_be_done_is_recorded_and_done_when_it_comes_again(
    api: CheckedClient, shop: Source, engine: Engine, mail: MailServer
) -> None:
    nameless = {**ORDER["order"], "number": None}  # type: ignore[dict-item]
    assert order(api, shop, "key", order=nameless) == 204
    (event,) = engine.rows("select status, actions from source_events")
    assert [each.get("error") for each in event.actions] == [None, "`id` is missing", "`id` is missing", None]
    assert (event.status, engine.count("triggers")) == ("partial", 1)
    assert order(api, shop, "key") == 204
    engine.drain()
    assert (statuses(engine), engine.count("triggers"), len(mail.subjects())) == (["partial", "done"], 1, 1)
    assert api.get("/v1/objects/orders/7").status_code == 200


def test_a_workflow_that_is_not_there_undoes_only_its_own_action(
    api: CheckedClient, shop: Source, engine: Engine
) -> None:
    engine.set_active("receipt", active=False)
    assert order(api, shop) == 204
    (event,) = engine.rows("select actions from source_events")
    assert [each["status"] for each in event.actions] == ["done", "done", "done", "skipped"]
    assert engine.count("triggers") == 0


def test_deliveries_at_the_same_time_are_done_once(shop: Source, engine: Engine) -> None:
    deliver = partial(sources.receive, shop, {"webhook-id": "same"}, ORDER)
    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (sorted(statuses(engine)), engine.count("triggers")) == (["done", *["duplicate"] * 3], 1)


def test_our_own_signature_may_not_be_old_or_wrong(api: CheckedClient, shop: Source, engine: Engine) -> None:
    body = json.dumps(ORDER)
    good = own(body)["x-doorbell-signature"]
    for wrong in (own(body, "other"), own(body, at=time.time() - 400), own(body, at=time.time() + 400)):
        assert send(api, shop, body, wrong).status_code == 401
    for header in ("", "t=1,s=x", good.replace("t=", "t=9"), good.partition(",")[0]):
        assert send(api, shop, body, {"x-doorbell-signature": header}).status_code == 401
    assert engine.count("source_events") == 0
    standard = signed(body, "whsec_" + base64.b64encode(b"s3cret").decode())
    assert (
        send(api, shop, body, {each.replace("svix", "webhook"): standard[each] for each in standard}).status_code == 204
    )


def test_segment_and_rudderstack_track_and_identify(api: CheckedClient, engine: Engine) -> None:
    mapping = {
        "event_type": "Order Paid",
        "action_type": "tenants_set",
        "action_parameters": {"id": "body.properties.shop", "properties": {"name": "body.properties.shop"}},
    }
    document = {"settings": {"secret": "s3cret"}, "mappings": [mapping]}
    segment = sources.configure(DEVELOPMENT, "segment", "segment", document)
    rudder = sources.configure(DEVELOPMENT, "rudder", "rudderstack", document)
    traits = {"firstName": "Jane", "lastName": "Doe", "phone": "+4930", "email": "jane@example.com", "plan": "pro"}
    identify = {"type": "identify", "messageId": "m1", "userId": "jane", "traits": traits}
    track = {"type": "track", "messageId": "m2", "event": "Order Paid", "properties": {"shop": "acme"}}
    body = json.dumps({"batch": [identify, track, identify]})
    signature = HMAC(b"s3cret", body.encode(), sha1).hexdigest()
    assert send(api, segment, body, {"x-signature": signature}).status_code == 204
    known = api.get("/v1/users/jane").json()
    assert (known["name"], known["phone_number"], known["plan"]) == ("Jane Doe", "+4930", "pro")
    assert api.get("/v1/tenants/acme").status_code == 200
    assert statuses(engine) == ["done", "done", "duplicate"]
    assert send(api, segment, body, {"x-signature": signature[::-1]}).status_code == 401
    body = json.dumps({**identify, "userId": "joe"})
    assert send(api, rudder, body, {"Authorization": "Bearer wrong"}).status_code == 401
    assert send(api, rudder, body, {"Authorization": "Bearer s3cret"}).status_code == 204
    assert api.get("/v1/users/joe").json()["name"] == "Jane Doe"


@pytest.mark.parametrize(
    ("written", "created", "kept"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", None),
        (1767323045, "2026-01-02T03:04:05Z", None),
        (1767323045000, "2026-01-02T03:04:05Z", None),
        ("last year", None, "last year"),
        ([1], None, [1]),
    ],
)
def test_a_user_is_kept_whatever_their_trait_createdat_is(
    api: CheckedClient, engine: Engine, written: Any, created: str | None, kept: Any
) -> None:
    segment = sources.configure(DEVELOPMENT, "segment", "segment", {"settings": {"secret": "s3cret"}})
    body = json.dumps({"type": "identify", "messageId": "m1", "userId": "jane", "traits": {"createdAt": written}})
    signature = HMAC(b"s3cret", body.encode(), sha1).hexdigest()
    assert send(api, segment, body, {"x-signature": signature}).status_code == 204
    known = api.get("/v1/users/jane").json()
    assert statuses(engine) == ["done"]
    assert (known.get("created_at") or None, known.get("createdAt")) == (created, kept)


def test_a_run_that_waits_for_an_event_goes_on(
    api: CheckedClient, shop: Source, engine: Engine, mail: MailServer
) -> None:
    event = {"event_type": "integration_source", "event_key": "order.shipped", "integration_source_key": "shop"}
    settings = {
        "event": event,
        "expires_after": {"unit": "days", "value": 2},
        "on_match": "continue",
        "on_timeout": "halt",
    }
    shows = "{{ refs.wait_1.signal_variables.parcel }}"
    engine.publish(
        "tracking", [{"ref": "wait_1", "type": "wait_for_event", "settings": settings}, email_step(subject=shows)]
    )
    engine.trigger("tracking", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert order(api, shop, type="order.shipped", user_id="joe", parcel="other") == 204
    assert order(api, shop, type="order.shipped", parcel="p-17") == 204
    engine.tick()
    assert mail.subjects() == ["p-17"]


def test_events_are_forgotten_in_time(api: CheckedClient, shop: Source, engine: Engine) -> None:
    order(api, shop, "key")
    engine.advance(days=31)
    lifeline.look()
    assert [engine.count(each) for each in ("source_events", "source_keys")] == [0, 0]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("http", {}, "settings.secret"),
    ("clerk", {"settings": {"secret": "plain"}}, "settings.secret"),
    ("clerk", {"settings": {"secret": "whsec_"}}, "settings.secret"),
    ("fax", {"settings": {"secret": "s"}}, "type"),
    ("http", {"settings": {"secret": "s", "event_type_path": "type"}}, "settings.event_type_path"),
    ("http", {"settings": {"secret": "s"}, "mapping": []}, "mapping"),
    ("http", {"settings": {"secret": "s"}, "mappings": [{"event_type": "a", "action_type": "dance"}]}, "mappings[0].action_type"),
    (
        "http",
        {"settings": {"secret": "s"}, "mappings": [{"event_type": "a", "action_type": "users_identify"}]},
        "mappings[0].action_parameters.id",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "document", "field"), WRONG, ids=str)
def test_a_source_that_cannot_work_is_refused(engine: Engine, kind: str, document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        sources.configure(DEVELOPMENT, "shop", kind, document)
    assert refused.value.errors[0]["field"] == field


def test_a_source_that_is_configured_anew_keeps_its_address(engine: Engine, shop: Source) -> None:
    again = sources.configure(DEVELOPMENT, "shop", "http", {"name": "Shop", "settings": {"secret": "new"}})
    assert (again.token, again.name, again.settings) == (shop.token, "Shop", {"secret": "new"})
