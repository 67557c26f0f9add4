"""Batch windows: opened, joined and closed as the engine does it (contract: semantics §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from workflows.effects import CloseBatch, Closed, JoinBatch, Joined, Open
from workflows.simulate.environment import NAMESPACE
from workflows.simulate.world import Item, Run, Window, World


def join(world: World, run: Run, asked: JoinBatch) -> Joined:
    """Adds the run's activity to the open window, or opens one. A window whose leader nobody followed in time is forgotten."""
    key = _key(run, asked)
    window = world.windows.get(world.open_windows.get(key, ""))
    if window is None or (window.carrier is None and window.closes_at <= world.now):
        return _open(world, run, asked, key)
    return _append(world, run, asked, window)


def _key(run: Run, asked: JoinBatch) -> str:
    trigger, recipient = run.trigger, run.recipient
    version = "" if asked.is_latest else str(run.version.id)
    parts = (trigger.workflow_key, str(run.step), recipient.collection, recipient.id, trigger.tenant or "", version)
    return "\0".join((*parts, asked.key))


def _open(world: World, run: Run, asked: JoinBatch, key: str) -> Joined:
    window = Window(
        id=str(uuid5(NAMESPACE, f"window {world.next_number()}")),
        key=key,
        carrier=None if asked.leads else run.id,
        closes_at=asked.closes_at,
        latest_close=asked.latest_close,
        is_sliding=asked.is_sliding,
        max_items=asked.max_items,
    )
    world.put(world.windows, window.id, window)
    world.put(world.open_windows, key, window.id)
    if asked.leads:
        return Joined("leader", window.id, asked.closes_at)
    _add(world, run, window, asked.closes_at)
    return Joined("carrier", window.id, asked.closes_at)


def _append(world: World, run: Run, asked: JoinBatch, window: Window) -> Joined:
    carries = window.carrier is None
    if carries:
        window = replace(window, carrier=run.id)
        world.put(world.windows, window.id, window)
    closes_at = _slid(window, asked)
    full = _add(world, run, window, closes_at)
    closes_at = world.now if full else closes_at
    if carries:
        return Joined("carrier", window.id, closes_at)
    if window.carrier is not None and (full or window.is_sliding):
        world.wake(window.carrier, closes_at)
    return Joined("item", window.id, closes_at)


def _slid(window: Window, asked: JoinBatch) -> datetime:
    """When the window closes with one more activity: past its limit at once. The limit does not shorten its first time."""
    if not window.is_sliding:
        return window.closes_at
    return min(asked.closes_at, window.latest_close) if window.latest_close else asked.closes_at


def _add(world: World, run: Run, window: Window, closes_at: datetime) -> bool:
    """Whether the window is full with it, and takes no more."""
    items = (*world.items.get(window.id, ()), Item(run.id, run.known_data, closes_at))
    world.put(world.items, window.id, items)
    world.put(world.windows_of, run.id, (*world.windows_of.get(run.id, ()), window.id))
    counted = sum(not item.is_cancelled for item in items)
    full = window.max_items is not None and counted >= window.max_items
    if full:
        world.put(world.windows, window.id, replace(window, is_sealed=True))
        world.drop(world.open_windows, window.key)
    return full


def close(world: World, asked: CloseBatch) -> Open | Closed:
    """Closes the window that a run carries, unless its time has moved on."""
    window = world.windows[asked.window_id]
    closes_at = _end(world, window)
    if closes_at is not None and closes_at > world.now:
        return Open(closes_at)
    window = _finish(world, window, asked.render_limit, asked.order)
    data = tuple(item.data for item in window.rendered)
    return Closed(window.total_activities, window.total_actors, data)


def _end(world: World, window: Window) -> datetime | None:
    """When the window closes: a full one at once (None), a sliding one by its newest activity."""
    if window.is_sealed:
        return None
    items = world.items.get(window.id)
    if not window.is_sliding or not items:
        return window.closes_at
    return items[-1].closes_at


def _finish(world: World, window: Window, limit: int = 0, order: str = "asc") -> Window:
    kept = (item for item in world.items.get(window.id, ()) if not item.is_cancelled)
    counted = tuple(sorted(kept, key=lambda item: world.runs[item.run].trigger.sequence))
    actors = {actor for item in counted if (actor := world.runs[item.run].trigger.actor)}
    shown = counted[max(0, len(counted) - limit) :] if order == "desc" else counted[:limit]
    closed = replace(
        window,
        is_closed=True,
        total_activities=len(counted),
        total_actors=len(actors),
        rendered=shown,
        first=counted[0].data if counted else {},
    )
    world.put(world.windows, window.id, closed)
    if world.open_windows.get(window.key) == window.id:
        world.drop(world.open_windows, window.key)
    return closed


def abandon(world: World, run: Run) -> None:
    """The run ends: a window that it still carries takes no more."""
    for window_id in world.windows_of.get(run.id, ()):
        window = world.windows[window_id]
        if window.carrier == run.id and not window.is_closed:
            _finish(world, window)


def is_carried_by(world: World, run: Run) -> bool:
    """Whether the run carries a window that is not closed."""
    windows = (world.windows[each] for each in world.windows_of.get(run.id, ()))
    return any(window.carrier == run.id and not window.is_closed for window in windows)


def remove_activity(world: World, run: Run, sequence: int, said: Mapping[str, Any]) -> bool:
    """Takes a cancelled run's activity out of the window that is still open; the window stays. Whether there was one.

    Its carrier is from then on stopped only by a later cancellation (contract: semantics §4).
    """
    found = False
    for window_id in world.windows_of.get(run.id, ()):
        window = world.windows[window_id]
        if window.is_closed:
            continue
        if window.carrier == run.id:
            world.change(run, sequence=max(run.sequence, sequence))
        found = _take_out(world, window_id, run.id) or found
    if found:
        world.tell(run, None, "activity_cancelled", said)
    return found


def _take_out(world: World, window_id: str, run: UUID) -> bool:
    items = world.items[window_id]
    changed = tuple(replace(item, is_cancelled=True) if item.run == run else item for item in items)
    world.put(world.items, window_id, changed)
    return changed != items
