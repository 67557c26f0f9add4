"""Who is in which static audience, in which tenant."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.recipients import Reference
from workflows.simulate.waits import signal_audience
from workflows.simulate.world import World


def memberships(world: World, recipient: Reference, tenant: str | None, keys: Iterable[str]) -> frozenset[str]:
    """In which of those audiences the recipient is; a membership counts for its own tenant only (contract: semantics §10)."""
    return frozenset(key for key in keys if (key, recipient, tenant or "") in world.members)


def change(world: World, key: str, recipient: Reference, tenant: str | None, *, adds: bool) -> bool:
    """Adds or removes a member. False: nothing changed."""
    member = (key, recipient, tenant or "")
    if (member in world.members) is adds:
        return False
    if adds:
        world.put(world.members, member, True)
    else:
        world.drop(world.members, member)
    signal_audience(world, recipient, key, "enter" if adds else "exit")
    return True
