from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notify_workers import clock
from notify_workers.errors import InvalidParams
from tests.engine import Engine


def test_the_clock_is_the_databases_moved_forward(engine: Engine) -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=30)
    clock.advance(3600)
    moved = clock.advance(86_400)
    assert timedelta(hours=24) < moved - datetime.now(UTC) < timedelta(hours=26)
    assert clock.now() >= moved


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e300])
def test_the_clock_never_goes_back_or_off_the_calendar(seconds: float, engine: Engine) -> None:
    with pytest.raises(InvalidParams) as caught:
        clock.advance(seconds)
    assert caught.value.errors[0]["field"] == "seconds"
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=30)
