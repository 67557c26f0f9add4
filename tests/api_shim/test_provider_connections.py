"""The pages on which the popups of the kits for Slack and Microsoft Teams end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from httpx2 import Response

from notify_workers.ids import channel_id
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import eventually
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import HttpServer, answer
from tests.user_tokens import secure, signed, tenant
from workflows.recipients import Identity, Reference

CHAT = str(channel_id("chat"))
TENANT_ID = "11111111-2222-3333-4444-555555555555"
ACME = {"object_id": "acme", "collection": "$tenants"}
TAKEN = answer(200, json.dumps({"ok": True, "access_token": "xoxb-new", "team": {"id": "T1"}}).encode())


@pytest.fixture
def slack(engine: Engine, change_settings: Callable[..., None]) -> Iterator[HttpServer]:
    with HttpServer() as server:
        change_settings(slack_url=server.url("/api"), slack_client_id="app", slack_client_secret="s3cret")
        yield server


def state(**said: Any) -> str:
    """As the kits write it."""
    known = {
        "nonce": "n-1",
        "redirect_url": "https://app.test/settings?tab=1",
        "access_token_object": ACME,
        "ms_teams_tenant_object": ACME,
        "channel_id": CHAT,
        "public_key": "pk_test_doorbell",
        "branch_slug": None,
    }
    return json.dumps({name: value for name, value in {**known, **said}.items() if value is not ...})


def slack_page(api: CheckedClient, said: str | None = None, **query: str) -> Response:
    asked = urlencode({"state": state() if said is None else said, "code": "c0de", **query})
    return api.get(f"/providers/slack/authenticate?{asked}")


def teams_page(api: CheckedClient, **query: str) -> Response:
    known = {"state": state(nonce=...), "tenant": TENANT_ID, "admin_consent": "True"}
    return api.get(f"/providers/ms-teams/authenticate?{urlencode({**known, **query})}")


def data_of_acme(engine: Engine) -> Any:
    found = engine.rows("select channel_data from recipients where id = 'acme'")
    return found[0].channel_data.get(CHAT) if found else None


def test_slacks_code_becomes_the_tenants_token(api: CheckedClient, slack: HttpServer, engine: Engine) -> None:
    slack.will_say(TAKEN)
    page = slack_page(api)
    (heard,) = slack.heard
    assert heard.line == "POST /api/oauth.v2.access HTTP/1.1"
    assert dict(parse_qsl(heard.body.decode())) == {"client_id": "app", "client_secret": "s3cret", "code": "c0de"}
    assert data_of_acme(engine) == {"connections": [], "token": {"access_token": "xoxb-new"}}
    assert page.status_code == 200
    assert 'postMessage({"type":"authComplete","nonce":"n-1"}, "https://app.test")' in text(page)
    assert 'location.replace("https://app.test/settings?tab=1")' in text(page)
    assert "xoxb" not in text(page)


def text(page: Response) -> str:
    return page.text


def test_what_is_known_of_the_channel_stays(api: CheckedClient, slack: HttpServer, engine: Engine) -> None:
    known = {"connections": [{"channel_id": "C1"}], "token": {"access_token": "old"}, "ms_teams_tenant_id": "t"}
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference("$tenants", "acme"), {}, channel_data={CHAT: known}))])
    slack.will_say(TAKEN)
    slack_page(api)
    assert data_of_acme(engine) == {**known, "token": {"access_token": "xoxb-new"}}


def test_the_page_runs_its_own_script_and_no_other(api: CheckedClient, slack: HttpServer) -> None:
    slack.will_say(TAKEN)
    page = slack_page(api, state(nonce="</script><script>alert(1)//"))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'nonce-" in policy
    assert text(page).count("</script>") == text(page).count("<script") == 1
    assert page.headers["cache-control"] == "no-store"


def test_without_a_page_to_return_to_only_the_opener_is_told(api: CheckedClient, slack: HttpServer) -> None:
    for url in (None, "javascript:alert(1)", "//evil.test", "https://"):
        slack.will_say(TAKEN)
        page = slack_page(api, state(redirect_url=url))
        assert '"nonce":"n-1"}, "*")' in text(page)
        assert "else if (null)" in text(page)


@pytest.mark.parametrize(
    ("said", "query", "words"),
    [
        (None, {"error": "access_denied"}, "The access was not granted (access_denied)."),
        ("", {}, "The link is not complete."),
        ("{}", {}, "The link is not complete."),
        (state(channel_id="C1"), {}, "The link is not complete."),
        (state(public_key="pk_test_unknown"), {}, "This API key is not known"),
        (state(public_key="sk_test_doorbell"), {}, "A secret key must not be in a browser."),
        (state(access_token_object=...), {}, "must name an object"),
        (state(channel_id=str(channel_id("email"))), {}, "must be a chat channel"),
        (state(channel_id=TENANT_ID), {}, "There is no channel"),
    ],
)
def test_whoever_may_not_connect_is_told_and_changes_nothing(
    said: str | None, query: dict[str, str], words: str, api: CheckedClient, slack: HttpServer, engine: Engine
) -> None:
    page = slack_page(api, said, **query)
    assert page.status_code == 400
    assert words in text(page)
    assert '"type":"authFailed"' in text(page)
    assert "else if (null)" in text(page)
    assert (slack.heard, data_of_acme(engine)) == ([], None)


def test_a_code_that_slack_does_not_take_is_told(api: CheckedClient, slack: HttpServer, engine: Engine) -> None:
    slack.will_say(answer(200, b'{"ok": false, "error": "<code>"}'))
    page = slack_page(api)
    assert "&lt;code&gt;" in text(page)
    assert (page.status_code, data_of_acme(engine)) == (400, None)


def test_without_an_application_slack_is_not_asked(
    api: CheckedClient, slack: HttpServer, change_settings: Callable[..., None]
) -> None:
    change_settings(slack_client_secret=None)
    assert "DOORBELL_SLACK_CLIENT_SECRET" in text(slack_page(api))
    assert slack.heard == []


def test_with_enhanced_security_a_grant_is_needed(api: CheckedClient, slack: HttpServer, engine: Engine) -> None:
    secure()
    eventually(lambda: "user token" in text(slack_page(api)))
    assert "not allowed" in text(slack_page(api, state(user_token=signed())))
    granted = signed(grants={tenant("acme"): {"slack/channels_read": [{}]}})
    slack.will_say(TAKEN)
    assert slack_page(api, state(user_token=granted)).status_code == 200
    assert data_of_acme(engine)["token"] == {"access_token": "xoxb-new"}


def test_microsofts_tenant_is_kept(api: CheckedClient, engine: Engine) -> None:
    page = teams_page(api)
    assert data_of_acme(engine) == {"connections": [], "ms_teams_tenant_id": TENANT_ID}
    assert 'postMessage({"type":"authComplete","nonce":null}, "https://app.test")' in text(page)


@pytest.mark.parametrize(
    "query", [{"error": "access_denied"}, {"admin_consent": ""}, {"tenant": "acme"}, {"tenant": ""}, {"state": "{}"}]
)
def test_without_an_administrators_consent_no_tenant_is_kept(
    query: dict[str, str], api: CheckedClient, engine: Engine
) -> None:
    page = teams_page(api, **query)
    assert (page.status_code, data_of_acme(engine)) == (400, None)
    assert '"type":"authFailed"' in text(page)
