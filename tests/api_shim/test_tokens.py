"""What a user token grants, and which tokens are none."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from api_shim.errors import AuthenticationFailed
from api_shim.tokens import LONGEST, UserToken, read_token
from notify_workers.signing_keys import public_key
from tests.user_tokens import FOREIGN, HOST, OURS, public_pem, signed, tenant, user
from workflows.recipients import TENANTS, USERS, Reference

KEYS = (public_pem(OURS),)
ALICE, BOB, ACME = Reference(USERS, "alice"), Reference(USERS, "bob"), Reference(TENANTS, "acme")
EVERYTHING = (
    *("user/read", "user/write", "user/feed_read", "user/feed_write", "user/guide_read", "user/guide_write"),
    *("preferences/read", "preferences/write", "channel_data/read", "channel_data/write"),
    *("slack/channels_read", "ms_teams/channels_read"),
)


def token(**claims: Any) -> UserToken:
    return read_token(signed(**claims), KEYS)


def refusal(written: str, keys: tuple[str, ...] = KEYS) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        read_token(written, keys)
    assert (caught.value.code, caught.value.status) == ("invalid_user_token", 401)
    return caught.value.message


def test_without_grants_a_token_gives_everything_of_its_user_and_nothing_of_others() -> None:
    plain = token()
    assert plain.user_id == "alice"
    assert all(plain.allows(each, ALICE, None) and plain.allows(each, ALICE, "acme") for each in EVERYTHING)
    assert not any(
        plain.allows(each, of, None) for each in EVERYTHING for of in (BOB, ACME, Reference("projects", "alice"))
    )
    assert all(plain.limited_to(each, ALICE) is None for each in EVERYTHING)


def test_explicit_grants_give_what_they_list_only() -> None:
    read_only = token(explicit_grants=True, grants={user("alice"): {"user/read": [{}], "feed/read": []}})
    assert [each for each in EVERYTHING if read_only.allows(each, ALICE, None)] == ["user/read", "user/feed_read"]
    assert not any(token(explicit_grants=True).allows(each, ALICE, None) for each in EVERYTHING)


@pytest.mark.parametrize("written", ["user/feed_read", "feed/read", "user_feed/read"])
def test_a_capability_may_have_any_of_its_names(written: str) -> None:
    assert token(explicit_grants=True, grants={user("alice"): {written: [{}]}}).allows("user/feed_read", ALICE, None)


def test_grants_of_others_are_added() -> None:
    grants: dict[str, Any] = {
        f"{HOST}/v1/objects/projects/p%201": {"channel_data/read": []},
        tenant("acme"): {"slack/channels_read": [{}], "channel_data/write": [{}]},
        user("bob"): {"user/read": []},
    }
    added = token(grants=grants)
    assert added.allows("channel_data/read", Reference("projects", "p 1"), None)
    assert not added.allows("channel_data/write", Reference("projects", "p 1"), None)
    assert added.allows("slack/channels_read", ACME, None)
    assert added.allows("user/read", BOB, None)
    assert not added.allows("user/write", BOB, None)
    assert added.allows("user/feed_read", ALICE, None), "a tenant's Slack says nothing about feeds"


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.knock.app/v1/users/a%40b%2Fc",
        "http://localhost:4000/v1/users/a@b%2Fc",
        "/v1/users/a%40b%2Fc",
        "https://api.knock.app/v1/users/a@b%2Fc?x=1#y",
        "https://api.knock.app/v1/objects/$users/a@b%2Fc",
    ],
)
def test_only_the_path_of_an_address_matters(uri: str) -> None:
    assert token(explicit_grants=True, grants={uri: {"user/read": []}}).allows(
        "user/read", Reference(USERS, "a@b/c"), None
    )


@pytest.mark.parametrize("path", ["tenants/acme", "objects/$tenants/acme", "objects/%24tenants/acme"])
def test_a_tenant_has_two_addresses(path: str) -> None:
    granted = token(grants={f"{HOST}/v1/{path}": {"user/feed_read": []}})
    assert granted.limited_to("user/feed_read", ALICE) == frozenset({"acme"})


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "x",
        "v1/users/alice",
        "/v1/users/",
        "/v1/users/alice/",
        "/v2/users/alice",
        "/v1/users/alice/feeds",
        "//[",
        "/v1/users/%ff",
    ],
)
def test_an_address_that_names_nobody_grants_nothing(uri: str) -> None:
    assert not token(explicit_grants=True, grants={uri: {"user/read": []}}).allows("user/read", ALICE, None)


@pytest.mark.parametrize("name", ["%00", "a\0b", "\ud800"])
def test_a_tenant_that_nobody_can_store_is_none(name: str) -> None:
    limited = token(grants={f"/v1/tenants/{name}": {"feed/read": []}, tenant("acme"): {"feed/read": []}})
    assert limited.limited_to("user/feed_read", ALICE) == frozenset({"acme"})


@pytest.mark.parametrize("conditions", [None, {}, "yes", True, [{"until": "tomorrow"}], [1]])
def test_conditions_that_nobody_understands_grant_nothing(conditions: Any) -> None:
    assert not token(explicit_grants=True, grants={user("alice"): {"user/read": conditions}}).allows(
        "user/read", ALICE, None
    )


def test_a_tenants_grant_limits_feeds_and_preferences_to_that_tenant() -> None:
    scoped = token(grants={tenant("acme"): {"user/feed_read": []}})
    for each in ("user/feed_read", "user/feed_write", "preferences/read", "preferences/write"):
        assert scoped.limited_to(each, ALICE) == frozenset({"acme"})
        assert scoped.allows(each, ALICE, "acme")
        assert not scoped.allows(each, ALICE, "other")
        assert not scoped.allows(each, ALICE, None)
        assert not scoped.allows(each, BOB, "acme")
    assert scoped.allows("user/read", ALICE, None)
    assert scoped.limited_to("user/read", ALICE) is None


def test_an_explicit_tenants_grant_gives_just_what_it_lists() -> None:
    scoped = token(explicit_grants=True, grants={tenant("acme"): {"user_feed/read": [{}]}})
    assert scoped.allows("user/feed_read", ALICE, "acme")
    assert not scoped.allows("user/feed_read", ALICE, None)
    assert not scoped.allows("preferences/read", ALICE, "acme")
    assert scoped.limited_to("preferences/read", ALICE) == frozenset()


def test_the_users_own_grant_opens_what_belongs_to_no_tenant() -> None:
    grants: dict[str, Any] = {user("alice"): {"user_feed/read": [{}]}, tenant("acme"): {"user_feed/read": [{}]}}
    both = token(explicit_grants=True, grants=grants)
    assert both.allows("user/feed_read", ALICE, None)
    assert both.allows("user/feed_read", ALICE, "acme")
    assert not both.allows("user/feed_read", ALICE, "other")
    assert both.limited_to("user/feed_read", ALICE) == frozenset({"", "acme"})


@given(
    explicit=st.booleans(),
    granted=st.dictionaries(
        st.sampled_from([user("alice"), user("bob"), tenant("acme"), tenant("other"), f"{HOST}/v1/objects/p/1"]),
        st.dictionaries(st.sampled_from(EVERYTHING), st.just([])),
    ),
)
def test_more_grants_never_open_what_nobody_listed(explicit: bool, granted: dict[str, Any]) -> None:
    found = UserToken("alice", explicit, token(explicit_grants=explicit, grants=granted).grants)
    for capability in EVERYTHING:
        assert found.allows(capability, BOB, None) <= (capability in granted.get(user("bob"), {}))
        if explicit:
            assert found.allows(capability, ALICE, None) <= (capability in granted.get(user("alice"), {}))
        limits = found.limited_to(capability, ALICE)
        for each in ("acme", "other"):
            assert found.allows(capability, ALICE, each) == (each in limits) if limits is not None else True


def test_a_token_of_a_key_that_is_not_trusted_is_refused() -> None:
    assert "not signed with a key" in refusal(signed(key=FOREIGN))
    assert "not signed with a key" in refusal(signed(), ())


def test_while_keys_are_changed_both_are_trusted() -> None:
    both = (public_pem(FOREIGN), public_pem(OURS))
    assert read_token(signed(), both).user_id == read_token(signed(key=FOREIGN), both).user_id == "alice"
    refusal(signed(), both[:1])


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def hmac_signed(secret: str) -> str:
    """HS256 with the public key as its secret: what a verifier that heeds the token's `alg` falls for."""
    import hmac
    from hashlib import sha256

    body = unsigned({"alg": "HS256", "typ": "JWT"}, {"sub": "alice"}).rsplit(".", 1)[0]
    signature = hmac.new(secret.encode(), body.encode(), sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def other_algorithm() -> str:
    return jwt.encode({"sub": "alice"}, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a.b.c",
        "....",
        "\u00e9",
        unsigned({"alg": "none"}, {"sub": "alice"}),
        unsigned({"alg": "None", "typ": "JWT"}, {"sub": "alice"}),
        unsigned({"alg": "RS256"}, {"sub": "alice"}),
        unsigned({"alg": "RS256", "jwk": {"kty": "RSA"}}, {"sub": "alice"}, b"x" * 256),
        hmac_signed(KEYS[0]),
        other_algorithm(),
        "x" * (LONGEST + 1),
    ],
)
def test_what_is_no_token_of_ours_is_refused(written: str) -> None:
    refusal(written)


def test_a_changed_token_is_refused() -> None:
    header, _, signature = signed().split(".")
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "bob"}).encode()).decode().rstrip("=")
    refusal(f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    "claims",
    [
        {"user": None},
        {"user": ""},
        {"user": 5},
        {"user": ["alice"]},
        {"user": "al\0ice"},
        {"user": "al\ud800ice"},
        {"grants": []},
        {"grants": "all"},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 1e300},
        {"iat": "now"},
        {"nbf": {}},
    ],
)
def test_claims_that_make_no_sense_are_refused(claims: dict[str, Any]) -> None:
    refusal(signed(**claims))


def test_an_expired_token_is_refused_and_one_that_never_expires_is_not() -> None:
    now = int(time.time())
    assert "expired" in refusal(signed(exp=now - 60))
    assert "not valid yet" in refusal(signed(nbf=now + 60))
    assert "not valid yet" in refusal(signed(iat=now + 60))
    assert token(exp=now - 5, iat=now + 5, nbf=now + 5).user_id == "alice", "clocks differ a little"
    assert token(exp=None, iat=None).user_id == "alice"


def test_a_remembered_token_expires_too(monkeypatch: pytest.MonkeyPatch) -> None:
    written = signed()
    assert read_token(written, KEYS).user_id == "alice"
    later = time.time() + 2 * 3600
    monkeypatch.setattr("api_shim.tokens.time.time", lambda: later)
    assert "expired" in refusal(written)


def test_a_remembered_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    written = signed(user="carol")
    read_token(written, KEYS)
    monkeypatch.setattr("api_shim.tokens.jwt.decode", lambda *_, **__: pytest.fail("verified again"))
    assert read_token(written, KEYS).user_id == "carol"


def test_a_refusal_never_quotes_the_token() -> None:
    written = signed(key=FOREIGN)
    assert not any(part in refusal(written) for part in written.split("."))


@pytest.mark.parametrize("size", [1024])
def test_a_short_key_is_no_key(size: int) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=size).public_key()
    with pytest.raises(ValueError, match="2048"):
        public_key(short.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ValueError, match=r".+"):
        public_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
