"""Comments that readers get in batches, beside the invitations, and what must be so of them in the end."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.chaos.stack import Stack
from tests.engine import email_step

WINDOW_SECONDS = 4
DIGEST = {
    "name": "Digest",
    "steps": [
        {
            "ref": "batch_1",
            "type": "batch",
            "settings": {
                "batch_window": {"unit": "seconds", "value": WINDOW_SECONDS},
                "batch_items_max_limit": 30,
                "batch_items_render_limit": 100,
            },
        },
        email_step("email_1", subject="{{ total_activities }}: {% for each in activities %}{{ each.n }},{% endfor %}"),
    ],
}


def reader(number: int, comments: int) -> str:
    """Of a few readers, so that each gets many comments."""
    return f"reader-{number % max(3, comments // 40)}@example.com"


def seconds_before(number: int) -> float:
    """Some comments come at once, some in windows of their own."""
    return random.Random(number).choice([0, 0, 0.3, 2, 6])


def is_withdrawn(number: int) -> bool:
    return number % 7 == 0


def seconds_to_withdrawal(number: int) -> float:
    return random.Random(-number).choice([0.05, 1, 5])


ACTIVITIES = """
    select (t.data ->> 'n')::int as n, w.id as window_id, i.cancelled_at is not null as withdrawn,
        w.closed_at is null and w.id is not null as is_open, c.cancelled_at is not null as batch_stopped,
        (ct.data ->> 'n')::int as carrier, extract(epoch from w.closed_at)::float8 as closed_at
    from triggers t
    left join recipient_runs r on r.trigger_id = t.id left join batch_items i on i.run_id = r.id
    left join batch_windows w on w.id = i.window_id
    left join recipient_runs c on c.id = w.carrier_run left join triggers ct on ct.id = c.trigger_id
    where t.workflow_key = 'digest' order by t.sequence
"""


def report(stack: Stack, comments: int, withdrawn_at: dict[int, float]) -> dict[str, Any]:
    """What the readers got, and everything that should not be. `withdrawn_at`: when a withdrawal was answered (epoch)."""
    told = dict(_told(stack))
    names: dict[int, list[str]] = {}
    for name, (_, numbers) in told.items():
        for number in numbers:
            names.setdefault(number, []).append(name)
    activities = stack.rows(ACTIVITIES)
    stopped = {each["window_id"] for each in activities if each["batch_stopped"] and each["carrier"] in withdrawn_at}
    problems = [
        *(f"comment {n} was triggered {count} times" for n, count in _counts(activities).items() if count != 1),
        *(f"comment {n} was never triggered" for n in set(range(comments)) - _counts(activities).keys()),
        *(f"{name} says {total} and shows {shown}" for name, (total, shown) in told.items() if total != len(shown)),
        *(f"comment {n} is in {len(found)} messages" for n, found in names.items() if len(found) > 1),
        *(f"the window of comment {each['n']} is still open" for each in activities if each["is_open"]),
        *_missing(activities, names, stopped, withdrawn_at),
        *_sent_although_withdrawn(activities, names, withdrawn_at),
        *_not_whole(activities, told, names),
    ]
    return {
        "comments": comments,
        "batches sent": len(told),
        "largest batch": max((total for total, _ in told.values()), default=0),
        "comments withdrawn in time": sum(number not in names for number in withdrawn_at),
        "batches stopped by their carrier's key": len(stopped),
        "problems": problems,
    }


def _told(stack: Stack) -> Iterable[tuple[str, tuple[int, list[int]]]]:
    """By a message's name its total and the comments that it shows. One that came twice has one name."""
    for mail in stack.mail.messages:
        if found := re.match(r"(\d+): ([\d,\s]*)$", str(mail["Subject"])):
            yield str(mail["Message-ID"]), (int(found[1]), [int(each) for each in found[2].split(",") if each.strip()])


def _counts(activities: list[dict[str, Any]]) -> Counter[int]:
    return Counter(each["n"] for each in activities)


def _missing(
    activities: list[dict[str, Any]], names: dict[int, list[str]], stopped: set[Any], withdrawn_at: dict[int, float]
) -> list[str]:
    return [
        f"comment {each['n']} never came: {each}"
        for each in activities
        if each["n"] not in names and each["n"] not in withdrawn_at and each["window_id"] not in stopped
    ]


def _sent_although_withdrawn(
    activities: list[dict[str, Any]], names: dict[int, list[str]], withdrawn_at: dict[int, float]
) -> list[str]:
    closed = {each["n"]: each["closed_at"] for each in activities}
    return [
        f"comment {number} was withdrawn before its window closed, and came"
        for number, at in withdrawn_at.items()
        if number in names and (closed[number] is None or at < closed[number])
    ]


def _not_whole(
    activities: list[dict[str, Any]], told: dict[str, tuple[int, list[int]]], names: dict[int, list[str]]
) -> list[str]:
    """Messages that are not exactly what is in one window, in the order of arrival."""
    members: dict[Any, list[int]] = {}
    for each in activities:
        if each["window_id"] is not None and not each["withdrawn"]:
            members.setdefault(each["window_id"], []).append(each["n"])
    sent = {window: told[names[numbers[0]][0]][1] for window, numbers in members.items() if numbers[0] in names}
    return [
        f"window {window} has {members[window]}, its message {shown}"
        for window, shown in sent.items()
        if shown != members[window]
    ]
