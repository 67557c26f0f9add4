"""How much a document may ask for (contract: workflow-schema §7). Who hosts Doorbell may raise a limit here.

The published schemas name the same bounds, for editors, beside the word `limit`; only these here are enforced.
"""

from __future__ import annotations

LONGEST_NAME = 255
"""Characters of a workflow's, layout's or partial's name, and of a step's reference."""

LONGEST_DESCRIPTION = 280
"""Characters of a workflow's description."""

DEEPEST_NESTING = 5
"""Branches and experiments inside of each other."""

MOST_BRANCHES = 10
"""Branches of one branch step, the default one included."""

FEWEST_COHORTS, MOST_COHORTS = 2, 10
"""Cohorts of one experiment."""

LONGEST_DELAY_DAYS = 365
LONGEST_BATCH_DAYS = 365
"""Of a batch's window and of what a sliding one may be extended to. The contract names none; a timer reaches no further."""

LONGEST_THROTTLE_DAYS = 31
LONGEST_WAIT_DAYS = 30
"""Of a wait_for_event step."""

FEWEST_BATCH_ITEMS, MOST_BATCH_ITEMS = 2, 1000
"""What closes a batch early."""

FEWEST_RENDERED_ITEMS, MOST_RENDERED_ITEMS = 1, 100
"""Activities of a batch that templates are shown."""

MOST_SUBSCRIPTIONS_SHOWN = 25
"""Of a user or an object, to a template that looks them up."""

FEWEST_ATTRIBUTION_DAYS, MOST_ATTRIBUTION_DAYS = 1, 30
"""For how many days a goal's conversion counts."""


def longest(days: int, unit: str) -> int:
    """`days` in that unit of a duration, rounded down, but at least 1; a month counts as 30 days."""
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800, "months": 2_592_000}
    return max(1, days * 86_400 // seconds[unit])
