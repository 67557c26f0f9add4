from __future__ import annotations

from notify_workers.store import audiences
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Reference

JANE, JOE = Reference(USERS, "jane"), Reference(USERS, "joe")


def change(key: str, tenant: str | None = None, recipient: Reference = JANE, *, adds: bool = True) -> bool:
    with transaction() as tx:
        return audiences.change(tx, DEVELOPMENT, key, recipient, tenant, adds=adds)


def memberships(*keys: str, tenant: str | None = None, recipient: Reference = JANE) -> set[str]:
    with transaction() as tx:
        return set(audiences.memberships(tx, DEVELOPMENT, recipient, tenant, keys))


def test_a_member_is_added_and_removed_once(engine: Engine) -> None:
    assert [change("beta"), change("beta"), change("beta", adds=False), change("beta", adds=False)] == [
        True,
        False,
        True,
        False,
    ]
    assert memberships("beta") == set()


def test_only_what_is_asked_for_is_answered(engine: Engine) -> None:
    change("beta")
    change("gamma")
    change("delta", recipient=JOE)
    assert memberships("beta", "delta", "unknown") == {"beta"}
    assert memberships() == set()


def test_a_membership_counts_for_its_own_tenant_alone(engine: Engine) -> None:
    change("beta", "acme")
    assert [memberships("beta", tenant=each) for each in ("acme", "umbrella", None)] == [{"beta"}, set(), set()]
    assert not change("beta", "umbrella", adds=False)
    assert change("beta", "acme", adds=False)
