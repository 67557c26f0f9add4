"""Who may do what with whose things, asked of every route that takes public keys.

The routes are found, not listed: a new one is held to the same rules, and must be in the contract's list (api-endpoints
§1.3). Every refused request is followed by a look at every table: nothing may have changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from api_shim.app import ROUTES
from api_shim.auth import any_caller, secret_caller
from notify_workers import feeds
from notify_workers.ids import channel_id
from notify_workers.store.session import transaction
from notify_workers.store.tables import metadata
from tests.answers import local_api, trigger
from tests.channels import step
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine
from tests.user_tokens import FOREIGN, HOST, OURS, bearing, secure, signed, tenant, user

MARK = "known-of-bob-alone"
FEED, CHAT = str(channel_id("in-app-feed")), str(channel_id("chat"))

PREFERENCE_PARTS = ("Categories", "Category", "ChannelTypes", "ChannelType", "Workflows", "Workflow")
MARKS = (
    *("archiveMessage", "unarchiveMessage", "unarchiveMessage (2)", "markMessageInteracted", "markMessageRead"),
    *("markMessageUnread", "markMessageUnread (2)", "markMessageSeen", "markMessageUnseen", "markMessageUnseen (2)"),
)
BATCHES = ("Archived", "Interacted", "Read", "Seen", "Unarchived", "Unread", "Unseen")
GUIDES = (
    *("markUserGuideAsArchived", "markUserGuideAsInteracted", "markUserGuideAsSeen", "resetUserGuideEngagement"),
    *("markUserGuideAsArchived (2)", "markUserGuideAsInteracted (2)", "markUserGuideAsSeen (2)"),
    "markUserGuideAsUnarchived",
)

NEEDED = {
    "getUser": "user/read",
    "identifyUser": "user/write",
    "listUserPreferenceSets": "preferences/read",
    "getUserPreferenceSet": "preferences/read",
    "getPreferenceCenterConfig": "preferences/read",
    "updateUserPreferenceSet": "preferences/write",
    **{f"updateUserPreference{part}": "preferences/write" for part in PREFERENCE_PARTS},
    "getUserChannelData": "channel_data/read",
    "setUserChannelData": "channel_data/write",
    "unsetUserChannelData": "channel_data/write",
    "getObjectChannelData": "channel_data/read",
    "setObjectChannelData": "channel_data/write",
    "listUserInAppFeedItems": "user/feed_read",
    "getUserInAppFeedSettings": "user/feed_read",
    "getMessage": "user/feed_read",
    **dict.fromkeys(MARKS, "user/feed_write"),
    **{f"batchMarkMessagesAs{each}": "user/feed_write" for each in BATCHES},
    "bulkUpdateMessagesForChannel": "user/feed_write",
    "listUserGuides": "user/guide_read",
    **dict.fromkeys(GUIDES, "user/guide_write"),
    "slackProviderAuthCheck": "slack/channels_read",
    "listChannelsForSlackProvider": "slack/channels_read",
    "slackProviderRevokeAccess": "slack/channels_read",
    "msTeamsProviderAuthCheck": "ms_teams/channels_read",
    "listTeamsForMsTeamsProvider": "ms_teams/channels_read",
    "listChannelsForMsTeamsProvider": "ms_teams/channels_read",
    "msTeamsProviderRevokeAccess": "ms_teams/channels_read",
}
"""What the contract opens to public keys (api-endpoints §1.3), and the capability that each needs."""

BESIDES = {"unsetObjectChannelData": "channel_data/write", "streamUserInAppFeed": "user/feed_read"}
"""The same for what is open besides: who may set an object's channel data may take it back, who may read a feed may follow it."""

CAPABILITIES = {**NEEDED, **BESIDES}

STEP = {"channel_id": FEED, "guide_key": "tour", "guide_id": FEED, "guide_step_ref": "step_1"}
IDS = {"message_ids": ["MESSAGE"]}
BODIES: dict[str, Any] = {
    "identifyUser": {"name": "changed"},
    "updateUserPreferenceSet": {"workflows": {"welcome": False}},
    "updateUserPreferenceCategories": {"news": False},
    "updateUserPreferenceCategory": {"subscribed": False},
    "updateUserPreferenceChannelTypes": {"email": False},
    "updateUserPreferenceChannelType": {"subscribed": False},
    "updateUserPreferenceWorkflows": {"welcome": False},
    "updateUserPreferenceWorkflow": {"subscribed": False},
    "setUserChannelData": {"data": {"connections": []}},
    "setObjectChannelData": {"data": {"connections": []}},
    "bulkUpdateMessagesForChannel": {"user_ids": ["bob"]},
    **{f"batchMarkMessagesAs{each}": IDS for each in BATCHES},
    **{each: {**STEP, "content": {}, "data": {}} for each in GUIDES},
}

OF_TENANT = {"slack": "access_token_object", "ms_teams": "ms_teams_tenant_object"}


def depends_on(route: APIRoute, wanted: Any) -> bool:
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        if dependant.call is wanted:
            return True
        waiting += dependant.dependencies
    return False


OPERATIONS = {
    str(route.operation_id): route
    for module in ROUTES
    for route in module.router.routes
    if isinstance(route, APIRoute) and depends_on(route, any_caller)
}


def test_public_keys_open_what_the_contract_says_and_nothing_else() -> None:
    assert OPERATIONS.keys() == CAPABILITIES.keys()


def test_every_other_endpoint_needs_a_secret_key_or_is_a_page() -> None:
    """Sources and vendors have signatures of their own, and the trigger asks for its key outside of the framework (test_auth)."""
    for module in ROUTES:
        for route in module.router.routes:
            path: str = getattr(route, "path", "")
            is_signed = "/sources/" in path or "/events/" in path
            ours = is_signed or getattr(route, "operation_id", "") == "triggerWorkflow"
            if isinstance(route, APIRoute) and route.path.startswith("/v1/") and not ours:
                assert depends_on(route, any_caller) != depends_on(route, secret_caller), route.path


@dataclass
class World:
    """Bob, what belongs to him, and a way to ask about it."""

    api: CheckedClient
    message: str

    def ask(self, operation: str, token: str | None) -> httpx2.Response:
        route = OPERATIONS[operation]
        (method,) = route.methods  # type: ignore[misc]  # a route has one
        path = route.path.format(
            user_id="bob",
            message_id=self.message,
            channel_id=CHAT if "channel_data" in route.path or "providers" in route.path else FEED,
            id=FEED if "feeds" in route.path else "default",
            collection="projects",
            object_id="p1",
            key="welcome",
            type="email",
            action="read",
        )
        body = BODIES.get(operation)
        if body is IDS:
            body = {"message_ids": [self.message]}
        return self.api.request(method, path, params=self._query(route.path), json=body, headers=bearing(token))

    def _query(self, path: str) -> dict[str, str]:
        for vendor, name in OF_TENANT.items():
            if f"/providers/{vendor.replace('_', '-')}/" in path:
                return {f"{name}[object_id]": "acme", f"{name}[collection]": "$tenants", "team_id": "t"}
        return {"tenant": "acme"} if path.endswith(("/feeds/{id}", "/preferences/{id}")) else {}


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    secure()
    engine.publish("welcome", [step("in_app_feed", markdown_body=MARK)])
    with local_api() as api:
        api.put("/v1/users/bob", json={"name": MARK})
        api.put("/v1/users/alice", json={})
        api.put("/v1/tenants/acme", json={})
        api.put("/v1/objects/projects/p1", json={})
        for of in ("users/bob", "objects/projects/p1"):
            connections = {"connections": [{"channel_id": MARK, "access_token": "x"}]}
            assert api.put(f"/v1/{of}/channel_data/{CHAT}", json={"data": connections}).status_code == 200
        api.put("/v1/users/bob/preferences/default", json={"workflows": {MARK: True}})
        trigger(api, recipients=["bob"], tenant="acme")
        engine.drain()
        (message,) = api.get("/v1/messages").json()["items"]
        feeds.settle_noted()
        api.app.app.state.stopping.set()  # type: ignore[attr-defined]  # streams end at once
        yield World(api, message["id"])


def state() -> dict[str, str]:
    """A checksum of every table."""
    one = "select '{0}' as name, md5(coalesce(string_agg(t::text, ',' order by t::text), '')) as sum from {0} t"
    statement = " union all ".join(one.format(name) for name in sorted(metadata.tables) if name != "api_log")
    with transaction() as tx:
        return {row.name: row.sum for row in tx.rows(text(statement))}


def changed(before: dict[str, str]) -> set[str]:
    after = state()
    return {name for name, sum in before.items() if after[name] != sum}


def owner(operation: str) -> str:
    """Whose things an operation is asked about."""
    if "Object" in operation:
        return f"{HOST}/v1/objects/projects/p1"
    return tenant("acme") if "Provider" in operation else user("bob")


ALL = sorted(set(CAPABILITIES.values()))


def granting(whose: str, *capabilities: str, sub: str = "bob", explicit: bool = True) -> str:
    return signed(sub, explicit_grants=explicit, grants={whose: {each: [{}] for each in capabilities}})


def refused_tokens(operation: str) -> dict[str, tuple[int, str | None]]:
    """Tokens that do not open an operation on Bob's things, by what is wrong with them, and the status of the refusal."""
    from tests.api_shim.test_tokens import hmac_signed, unsigned
    from tests.user_tokens import public_pem

    now = int(time.time())
    others = [each for each in ALL if each != CAPABILITIES[operation]]
    return {
        "none": (401, None),
        "expired": (401, signed("bob", iat=now - 7200, exp=now - 3600)),
        "not valid yet": (401, signed("bob", nbf=now + 3600)),
        "foreign key": (401, signed("bob", key=FOREIGN)),
        "alg none": (401, unsigned({"alg": "none", "typ": "JWT"}, {"sub": "bob"})),
        "alg HS256": (401, hmac_signed(public_pem(OURS))),
        "somebody else": (403, signed("alice")),
        "somebody else with everything": (403, granting(user("alice"), *ALL, sub="alice", explicit=False)),
        "somebody else in the same tenant": (403, _in_tenant(operation, "acme", sub="alice")),
        "explicitly nothing": (403, signed("bob", explicit_grants=True)),
        "explicitly all but this": (403, granting(owner(operation), *others)),
    }


def _in_tenant(operation: str, name: str, sub: str) -> str:
    if "Provider" in operation:
        return signed(sub)
    return granting(tenant(name), "user/feed_read", "user/feed_write", "preferences/read", sub=sub, explicit=False)


REFUSAL = "You are not allowed to access that resource"


def test_who_may_not_is_refused_and_changes_nothing(world: World) -> None:
    before, problems = state(), []
    for operation in OPERATIONS:
        for why, (status, token) in refused_tokens(operation).items():
            answer = world.ask(operation, token)
            if answer.status_code != status or MARK in answer.text or answer.json()["type"] != "authentication_error":
                problems.append((operation, why, answer.status_code, answer.text[:200]))
        if changed(before):
            problems.append((operation, "changed", 0, str(changed(before))))
            before = state()
    assert problems == []


def test_who_may_is_not_refused(world: World) -> None:
    problems = []
    for operation in OPERATIONS:
        tokens = [granting(owner(operation), CAPABILITIES[operation])]
        if owner(operation) == user("bob"):
            tokens.append(signed("bob"))
        for token in tokens:
            answer = world.ask(operation, token)
            if answer.status_code in {401, 500} or REFUSAL in answer.text:
                problems.append((operation, answer.status_code, answer.text[:200]))
    assert problems == []


TENANTED = sorted(each for each in OPERATIONS if CAPABILITIES[each].startswith(("user/feed", "preferences/")))


def test_a_token_for_another_tenant_sees_and_changes_nothing_of_this_one(world: World) -> None:
    before, problems = state(), []
    for operation in TENANTED:
        for explicit in (True, False):
            answer = world.ask(operation, granting(tenant("other"), *ALL, explicit=explicit))
            if answer.status_code not in {200, 403} or MARK in answer.text:
                problems.append((operation, answer.status_code, answer.text[:200]))
    assert problems == []
    assert changed(before) <= {"bulk_operations"}


def test_a_token_for_this_tenant_opens_what_is_in_it(world: World) -> None:
    for operation in TENANTED:
        if "feed" in CAPABILITIES[operation]:
            for explicit in (True, False):
                answer = world.ask(operation, granting(tenant("acme"), CAPABILITIES[operation], explicit=explicit))
                assert answer.status_code == 200, (operation, answer.text)


def test_without_enhanced_security_a_public_key_may_act_for_everybody(engine: Engine) -> None:
    with local_api() as api:
        assert api.put("/v1/users/bob", json={"name": "Bob"}, headers=PUBLIC).status_code == 200
        assert api.get("/v1/users/bob", headers=PUBLIC).json()["name"] == "Bob"
