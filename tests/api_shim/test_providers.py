"""The kits' helpers for Slack and Microsoft Teams, against a server that plays the vendor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import knockapi
import pytest
from knockapi import Knock
from starlette.testclient import TestClient

from notify_workers import resources
from notify_workers.ids import channel_id
from notify_workers.store.environments import set_channel
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.conftest import PUBLIC
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import HANG_UP, Heard, HttpServer, answer, silence
from workflows.recipients import Identity, Reference

CHAT = str(channel_id("chat"))
SLACK = f"/v1/providers/slack/{CHAT}"
TEAMS = f"/v1/providers/ms-teams/{CHAT}"
ACME = {"object_id": "acme", "collection": "$tenants"}
ACME_AS_JSON = json.dumps(ACME)
TENANT_ID = "11111111-2222-3333-4444-555555555555"


def bracketed(name: str, **more: str) -> str:
    pairs = {f"{name}[object_id]": "acme", f"{name}[collection]": "$tenants", "channel_id": CHAT, **more}
    return "?" + "&".join(f"{quote(key)}={quote(value)}" for key, value in pairs.items())


SLACK_QUERY = bracketed("access_token_object")
TEAMS_QUERY = bracketed("ms_teams_tenant_object")


@pytest.fixture
def vendor(engine: Engine, change_settings: Callable[..., None]) -> Iterator[HttpServer]:
    with HttpServer() as server:
        change_settings(
            slack_url=server.url("/api"),
            ms_graph_url=server.url("/v1.0"),
            ms_login_url=server.url("/login"),
            ms_teams_client_id="client",
            ms_teams_client_secret="s3cret",
            vendor_timeout=5.0,
        )
        yield server


@pytest.fixture
def acme(vendor: HttpServer) -> HttpServer:
    """A tenant that is connected with both."""
    connect({"token": {"access_token": "xoxb-1"}, "connections": [], "ms_teams_tenant_id": TENANT_ID})
    return vendor


def connect(data: Any) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference("$tenants", "acme"), {}, channel_data={CHAT: data}))])


def data_of_acme(engine: Engine) -> Any:
    return engine.one("select channel_data from recipients where id = 'acme'").channel_data[CHAT]


def says(body: Any, status: int = 200) -> bytes:
    return answer(status, json.dumps(body).encode(), content_type="application/json")


def form_of(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(heard.body.decode()))


def path_of(heard: Heard) -> str:
    return urlsplit(heard.line.split()[1]).path


def query_of(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(heard.line.split()[1]).query))


# Slack


GENERAL = {
    "id": "C1",
    "name": "general",
    "is_private": False,
    "is_im": False,
    "context_team_id": "T1",
    "num_members": 3,
}
SHOWN = {name: GENERAL[name] for name in ("id", "name", "is_private", "is_im", "context_team_id")}


@pytest.mark.parametrize("query", [SLACK_QUERY, "?access_token_object=" + quote(ACME_AS_JSON)])
def test_slack_is_asked_whether_it_takes_the_token(query: str, api: TestClient, acme: HttpServer) -> None:
    acme.will_say(says({"ok": True, "team": "Acme"}), says({"ok": False, "error": "token_revoked"}))
    assert api.get(f"{SLACK}/auth_check{query}").json() == {"connection": {"ok": True, "reason": None}}
    assert api.get(f"{SLACK}/auth_check{query}").json() == {"connection": {"ok": False, "reason": "token_revoked"}}
    heard = acme.heard[0]
    assert (heard.line, heard.headers["authorization"]) == ("POST /api/auth.test HTTP/1.1", "Bearer xoxb-1")


def test_slacks_channels_come_in_slacks_pages(api: TestClient, acme: HttpServer) -> None:
    direct = {"id": "D1", "user": "U1", "is_im": True}
    acme.will_say(
        says({"ok": True, "channels": [GENERAL, direct], "response_metadata": {"next_cursor": "abc="}}),
        says({"ok": True, "channels": [], "response_metadata": {"next_cursor": ""}}),
    )
    first = api.get(f"{SLACK}/channels{SLACK_QUERY}").json()
    named = {"id": "D1", "name": "U1", "is_private": False, "is_im": True, "context_team_id": ""}
    assert first == {"slack_channels": [SHOWN, named], "next_cursor": "abc="}
    options = {"cursor": "abc=", "limit": "7", "types": "im", "exclude_archived": "false", "team_id": "T1"}
    query = bracketed("access_token_object", **{f"query_options[{name}]": value for name, value in options.items()})
    assert api.get(f"{SLACK}/channels{query}").json() == {"slack_channels": [], "next_cursor": None}
    asked, again = acme.heard
    assert path_of(asked) == "/api/conversations.list"
    assert form_of(asked) == {"limit": "200", "types": "public_channel,private_channel", "exclude_archived": "true"}
    assert form_of(again) == options


def test_access_that_is_revoked_is_gone_at_slack_and_here(api: TestClient, engine: Engine, acme: HttpServer) -> None:
    acme.will_say(says({"ok": True, "revoked": True}))
    assert api.put(f"{SLACK}/revoke_access{SLACK_QUERY}").json() == {"ok": "ok"}
    assert path_of(acme.heard[0]) == "/api/auth.revoke"
    assert data_of_acme(engine) == {"connections": [], "ms_teams_tenant_id": TENANT_ID}
    assert api.put(f"{SLACK}/revoke_access{SLACK_QUERY}").status_code == 403


@pytest.mark.parametrize(("kit", "query"), [(SLACK, SLACK_QUERY), (TEAMS, TEAMS_QUERY)])
def test_a_browser_is_told_of_a_revocation_in_the_one_word_it_knows(
    kit: str, query: str, api: TestClient, acme: HttpServer
) -> None:
    acme.will_say(says({"ok": True, "revoked": True}))
    told = TestClient.request(api, "PUT", f"{kit}/revoke_access{query}", headers=PUBLIC)
    assert (told.status_code, told.content) == (200, b'"ok"')


def test_a_token_that_slack_has_forgotten_is_forgotten(api: TestClient, engine: Engine, acme: HttpServer) -> None:
    acme.will_say(says({"ok": False, "error": "token_revoked"}))
    assert api.put(f"{SLACK}/revoke_access{SLACK_QUERY}").status_code == 200
    assert "token" not in data_of_acme(engine)


def test_what_slack_does_not_revoke_is_kept(api: TestClient, engine: Engine, acme: HttpServer) -> None:
    acme.will_say(says({"ok": False, "error": "fatal_error"}))
    refused = api.put(f"{SLACK}/revoke_access{SLACK_QUERY}")
    assert (refused.status_code, refused.json()["message"]) == (403, "Slack: fatal_error")
    assert data_of_acme(engine)["token"] == {"access_token": "xoxb-1"}


def test_a_token_that_came_meanwhile_is_kept(api: TestClient, engine: Engine, acme: HttpServer) -> None:
    def reconnect(server: HttpServer, connection: Any) -> None:
        connect({"token": {"access_token": "xoxb-2"}})
        connection.sendall(says({"ok": True}))

    acme.will_say(reconnect)
    assert api.put(f"{SLACK}/revoke_access{SLACK_QUERY}").status_code == 200
    assert data_of_acme(engine)["token"] == {"access_token": "xoxb-2"}


# Microsoft Teams


TOKEN = says({"token_type": "Bearer", "expires_in": 3599, "access_token": "graph-token"})
DESIGN = {"id": "t1", "displayName": "Design", "description": None, "visibility": "private"}


def test_microsoft_is_asked_whether_it_lets_us_in(api: TestClient, acme: HttpServer) -> None:
    refusal = {"error": "unauthorized_client", "error_description": "AADSTS700016: not found\r\nTrace"}
    acme.will_say(TOKEN, says(refusal, 400))
    connected, refused = (api.get(f"{TEAMS}/auth_check{TEAMS_QUERY}").json()["connection"] for _ in range(2))
    assert connected == {"ok": True, "reason": None, "ms_teams_tenant_id": TENANT_ID}
    assert (refused["ok"], refused["reason"]) == (False, "AADSTS700016: not foundTrace")
    asked = acme.heard[0]
    assert path_of(asked) == f"/login/{TENANT_ID}/oauth2/v2.0/token"
    assert form_of(asked) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "s3cret",
        "scope": "https://graph.microsoft.com/.default",
    }


def test_teams_come_in_graphs_pages_by_one_token(api: TestClient, acme: HttpServer) -> None:
    link = "https://graph.microsoft.com/v1.0/teams?$top=1&$skiptoken=a%2Bb"
    acme.will_say(TOKEN, says({"value": [DESIGN], "@odata.nextLink": link}), says({"value": []}))
    page = api.get(f"{TEAMS}/teams{TEAMS_QUERY}").json()
    assert page == {
        "ms_teams_teams": [{"id": "t1", "displayName": "Design", "description": None}],
        "skip_token": "a+b",
    }
    options = {"$filter": "startswith(displayName, 'D')", "$select": "description", "$top": "1", "$skiptoken": "a+b"}
    query = bracketed("ms_teams_tenant_object", **{f"query_options[{name}]": value for name, value in options.items()})
    assert api.get(f"{TEAMS}/teams{query}").json() == {"ms_teams_teams": [], "skip_token": None}
    token, first, second = acme.heard
    assert (path_of(first), query_of(first)) == ("/v1.0/teams", {})
    assert first.headers["authorization"] == "Bearer graph-token"
    assert query_of(second) == {**options, "$select": "id,displayName,description"}
    assert path_of(token).startswith("/login/")


def test_a_teams_channels_are_shown_as_far_as_graph_knows_them(api: TestClient, acme: HttpServer) -> None:
    general = {
        "id": "19:1",
        "displayName": "General",
        "membershipType": "standard",
        "createdDateTime": "2020-01-01T00:00:00Z",
        "isArchived": None,
        "webUrl": "https://teams.test",
    }
    acme.will_say(TOKEN, says({"value": [general]}))
    found = api.get(f"{TEAMS}/channels{TEAMS_QUERY}&team_id=02bd9fd6-8f93").json()
    shown = {name: general[name] for name in ("id", "displayName", "membershipType", "createdDateTime")}
    assert found == {"ms_teams_channels": [shown]}
    assert path_of(acme.heard[1]) == "/v1.0/teams/02bd9fd6-8f93/channels"


def test_a_token_that_graph_refuses_is_not_used_again(api: TestClient, acme: HttpServer) -> None:
    expired = says({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}, 401)
    acme.will_say(TOKEN, expired, TOKEN, says({"value": []}))
    assert api.get(f"{TEAMS}/teams{TEAMS_QUERY}").json()["message"] == "Microsoft Teams: expired"
    assert api.get(f"{TEAMS}/teams{TEAMS_QUERY}").status_code == 200
    assert len(acme.heard) == 4


def test_a_tenant_is_forgotten(api: TestClient, engine: Engine, acme: HttpServer) -> None:
    assert api.put(f"{TEAMS}/revoke_access{TEAMS_QUERY}").json() == {"ok": "ok"}
    assert data_of_acme(engine) == {"connections": [], "token": {"access_token": "xoxb-1"}}
    assert acme.heard == []


def test_a_tenant_that_is_no_id_leads_nowhere_else(api: TestClient, acme: HttpServer) -> None:
    connect({"ms_teams_tenant_id": "../x"})
    refused = api.get(f"{TEAMS}/teams{TEAMS_QUERY}")
    assert (refused.status_code, acme.heard) == (403, [])


def test_without_an_application_nobody_is_asked(
    api: TestClient, acme: HttpServer, change_settings: Callable[..., None]
) -> None:
    change_settings(ms_teams_client_secret=None)
    refused = api.get(f"{TEAMS}/auth_check{TEAMS_QUERY}")
    assert (refused.status_code, refused.json()["code"]) == (424, "provider_unavailable")
    assert "DOORBELL_MS_TEAMS_CLIENT_ID" in refused.json()["message"]


# Both


CALLS: Any = [
    ("GET", f"{SLACK}/auth_check{SLACK_QUERY}", "Access token not set."),
    ("GET", f"{SLACK}/channels{SLACK_QUERY}", "Access token not set."),
    ("PUT", f"{SLACK}/revoke_access{SLACK_QUERY}", "Access token not set."),
    ("GET", f"{TEAMS}/auth_check{TEAMS_QUERY}", "Microsoft Teams tenant ID not set."),
    ("GET", f"{TEAMS}/teams{TEAMS_QUERY}", "Microsoft Teams tenant ID not set."),
    ("GET", f"{TEAMS}/channels{TEAMS_QUERY}&team_id=1", "Microsoft Teams tenant ID not set."),
    ("PUT", f"{TEAMS}/revoke_access{TEAMS_QUERY}", "Microsoft Teams tenant ID not set."),
]


@pytest.mark.parametrize(("method", "url", "message"), CALLS)
def test_who_is_not_connected_is_told_so_by_the_letter(
    method: str, url: str, message: str, api: TestClient, vendor: HttpServer
) -> None:
    expected = {"code": "authorization", "message": message, "status": 403, "type": "authentication_error"}
    for data in (None, {"token": {"access_token": ""}}, {"token": "x", "ms_teams_tenant_id": None}):
        if data is not None:
            connect(data)
        refused = api.request(method, url, headers=PUBLIC)
        assert (refused.status_code, refused.json()) == (403, expected)
    assert vendor.heard == []


FAILURES: Any = [HANG_UP, silence, answer(200, b"<html>"), answer(500, b"{}"), answer(200, b"[]"), answer(302)]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("url", [f"{SLACK}/channels{SLACK_QUERY}", f"{TEAMS}/teams{TEAMS_QUERY}"])
def test_a_vendor_that_fails_is_no_failure_of_ours(
    url: str, failure: Any, api: TestClient, acme: HttpServer, change_settings: Callable[..., None]
) -> None:
    change_settings(vendor_timeout=0.3)
    acme.will_say(failure)
    refused = api.get(url)
    assert (refused.status_code, refused.json()["code"]) == (424, "provider_unavailable")
    assert "xoxb" not in refused.text
    assert "s3cret" not in refused.text


STRANGE: Any = [
    {"ok": True, "channels": None},
    {"ok": True, "channels": ["x"]},
    {"ok": "yes"},
    {"value": [{"id": 1}]},
    {"value": {}},
]


@pytest.mark.parametrize("body", STRANGE)
def test_a_vendor_that_talks_strangely_is_no_failure_of_ours(body: Any, api: TestClient, acme: HttpServer) -> None:
    acme.will_say(TOKEN if "value" in body else says(body), says(body))
    url = f"{TEAMS}/teams{TEAMS_QUERY}" if "value" in body else f"{SLACK}/channels{SLACK_QUERY}"
    assert api.get(url).status_code == 424


def test_a_vendor_that_has_had_enough_is_passed_on(api: TestClient, acme: HttpServer) -> None:
    acme.will_say(answer(429, b'{"ok": false, "error": "ratelimited"}', retry_after="30"))
    refused = api.get(f"{SLACK}/channels{SLACK_QUERY}")
    assert (refused.status_code, refused.json()["type"]) == (429, "rate_limit_error")


BAD: Any = [
    (f"{SLACK}/auth_check", "access_token_object"),
    (f"{SLACK}/auth_check?access_token_object=x", "access_token_object"),
    (f"{SLACK}/auth_check?access_token_object=7", "access_token_object"),
    (f"{SLACK}/auth_check?access_token_object={quote(json.dumps({**ACME, 'object_id': 'a' + chr(0)}))}", "access"),
    (f"{SLACK}/auth_check?access_token_object={quote(json.dumps({**ACME, 'object_id': chr(0xD800)}))}", "access"),
    (f"{SLACK}/auth_check?access_token_object[object_id]=acme", "access_token_object.collection"),
    (f"{SLACK}/auth_check?access_token_object[object_id]={'a' * 300}&access_token_object[collection]=c", "access"),
    (f"{SLACK}/channels{SLACK_QUERY}&query_options[limit]=1000", "query_options.limit"),
    (f"{SLACK}/channels{SLACK_QUERY}&query_options.limit=x", "query_options.limit"),
    (f"{SLACK}/channels{SLACK_QUERY}&query_options=x", "query_options"),
    (f"{SLACK}/channels{SLACK_QUERY}&query_options[cursor]={'c' * 2001}", "query_options.cursor"),
    (f"{TEAMS}/channels{TEAMS_QUERY}", "team_id"),
    (f"{TEAMS}/channels{TEAMS_QUERY}&team_id=..", "team_id"),
    (f"{TEAMS}/teams{TEAMS_QUERY}&query_options[$top]=0", "query_options.$top"),
    (f"/v1/providers/slack/x/auth_check{SLACK_QUERY}", "channel_id"),
    (f"/v1/providers/slack/{channel_id('email')}/auth_check{SLACK_QUERY}", "channel_id"),
]


@pytest.mark.parametrize(("url", "field"), BAD)
def test_what_is_not_valid_is_named(url: str, field: str, api: TestClient, acme: HttpServer) -> None:
    refused = api.get(url)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(field)
    assert acme.heard == []


def test_there_is_no_such_channel(api: TestClient, acme: HttpServer) -> None:
    refused = api.get(f"/v1/providers/slack/{channel_id('nowhere')}/auth_check{SLACK_QUERY}")
    assert (refused.status_code, refused.json()["code"]) == (404, "resource_missing")


def test_a_channels_own_application_goes_first(api: TestClient, acme: HttpServer) -> None:
    own = {"client_id": "own", "client_secret": "too"}
    with resources.configuration() as tx:
        set_channel(tx, DEVELOPMENT, "chat", name="Chat", type="chat", provider="sandbox_chat", settings=own)
    acme.will_say(TOKEN)
    assert api.get(f"{TEAMS}/auth_check{TEAMS_QUERY}").json()["connection"]["ok"]
    assert form_of(acme.heard[0])["client_id"] == "own"


# Knock's own Python SDK


def test_the_sdk_pages_through_slack_and_revokes(knock: Knock, engine: Engine, acme: HttpServer) -> None:
    pages = [{"ok": True, "channels": [{**GENERAL, "id": f"C{n}"}], "response_metadata": {}} for n in range(2)]
    pages[0]["response_metadata"] = {"next_cursor": "second"}
    acme.will_say(says({"ok": True}), *(says(page) for page in pages), says({"ok": True}))
    of: Any = {"access_token_object": ACME_AS_JSON}
    assert knock.providers.slack.check_auth(CHAT, **of).connection.ok
    found = knock.providers.slack.list_channels(CHAT, **of, query_options={"limit": 1})
    assert [each.id for each in found] == ["C0", "C1"]
    assert [form_of(each).get("cursor") for each in acme.heard[1:]] == [None, "second"]
    assert [form_of(each)["limit"] for each in acme.heard[1:]] == ["1", "1"]
    assert knock.providers.slack.revoke_access(CHAT, **of).ok == "ok"
    assert "token" not in data_of_acme(engine)
    with pytest.raises(knockapi.PermissionDeniedError, match=r"Access token not set\."):
        knock.providers.slack.check_auth(CHAT, **of)


def test_the_sdk_pages_through_teams_and_revokes(knock: Knock, engine: Engine, acme: HttpServer) -> None:
    link = "https://graph.microsoft.com/v1.0/teams?$skiptoken=second"
    acme.will_say(
        TOKEN,
        says({"value": [DESIGN], "@odata.nextLink": link}),
        says({"value": [{**DESIGN, "id": "t2"}]}),
        says({"value": [{"id": "19:1", "displayName": "General"}]}),
    )
    of: Any = {"ms_teams_tenant_object": ACME_AS_JSON}
    teams = knock.providers.ms_teams.list_teams(CHAT, **of, query_options={"filter": "x"})
    assert [each.id for each in teams] == ["t1", "t2"]
    assert [query_of(each) for each in acme.heard[1:]] == [{"$filter": "x"}, {"$filter": "x", "$skiptoken": "second"}]
    channels = knock.providers.ms_teams.list_channels(CHAT, **of, team_id="t1").ms_teams_channels
    assert [each.display_name for each in channels] == ["General"]
    assert knock.providers.ms_teams.revoke_access(CHAT, **of).ok == "ok"
    assert "ms_teams_tenant_id" not in data_of_acme(engine)


def test_a_check_that_came_too_often_does_not_say_that_nobody_is_connected(api: TestClient, acme: HttpServer) -> None:
    acme.will_say(answer(429, b'{"ok": false, "error": "ratelimited"}'), says({"error": "too many"}, 429))
    checks = [f"{SLACK}/auth_check{SLACK_QUERY}", f"{TEAMS}/auth_check{TEAMS_QUERY}"]
    assert [api.get(each).status_code for each in checks] == [429, 429]
