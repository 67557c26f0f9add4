"""Keys for user tokens, and enhanced security, on the command line."""

from __future__ import annotations

import base64
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from click.testing import CliRunner

from api_shim.tokens import read_token
from doorbell.cli import main
from notify_workers import signing_keys
from notify_workers.ids import environment_id
from notify_workers.store.environments import environments
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from tests.user_tokens import public_pem


def doorbell(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code != 0
    return done.output


def enhanced() -> dict[str, bool]:
    with transaction() as tx:
        return {each.slug: each.enhanced_security for each in environments(tx)}


@pytest.mark.parametrize("in_base64", [False, True])
def test_a_key_that_is_made_signs_tokens_that_are_trusted(engine: Engine, in_base64: bool) -> None:
    printed = doorbell("keys", "signing", "create", *(["--base64"] if in_base64 else []))
    private = base64.b64decode(printed).decode() if in_base64 else printed
    (key,) = signing_keys.every()
    assert key.environment_id == DEVELOPMENT
    assert "PRIVATE" not in key.public_key
    token = jwt.encode({"sub": "alice"}, private, algorithm="RS256")
    assert read_token(token, (key.public_key,)).user_id == "alice"


def test_a_public_key_is_trusted_once_in_whatever_form_it_comes(engine: Engine, tmp_path: Path) -> None:
    written = tmp_path / "public.pem"
    written.write_text(public_pem() + "\n\n")
    doorbell("configure", "--signing-key", str(written), "-e", "production")
    written.write_text(base64.b64encode(public_pem().encode()).decode())
    assert "already" in doorbell("keys", "signing", "add", str(written), "-e", "production")
    (key,) = signing_keys.every()
    assert (key.environment_id, key.public_key) == (environment_id("production"), public_pem())


def test_what_is_no_public_key_is_refused_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    written = tmp_path / "private.pem"
    written.write_text(doorbell("keys", "signing", "create"))
    assert "private key" in refused("keys", "signing", "add", str(written))
    written.write_text("nonsense")
    assert "not a public key" in refused("configure", "--signing-key", str(written))
    assert len(signing_keys.every()) == 1


def test_keys_are_listed_and_removed(engine: Engine) -> None:
    doorbell("keys", "signing", "create", "--name", "the first")
    (key,) = signing_keys.every()
    listed = doorbell("keys", "signing", "list")
    assert str(key.id) in listed
    assert "the first" in listed
    assert "BEGIN" not in listed
    doorbell("keys", "signing", "remove", str(key.id))
    assert doorbell("keys", "signing", "list") == ""
    assert "no signing key" in refused("keys", "signing", "remove", str(uuid4()))


def test_enhanced_security_is_turned_on_and_off_for_one_environment(engine: Engine) -> None:
    doorbell("configure", "--enhanced-security", "on", "-e", "production")
    assert enhanced() == {"development": False, "production": True}
    doorbell("configure", "--enhanced-security", "off", "-e", "production")
    assert enhanced() == {"development": False, "production": False}
    assert "name what to set" in refused("configure")
