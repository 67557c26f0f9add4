"""What the processes log."""

from __future__ import annotations

import logging

import pytest
from celery import Celery

from doorbell.processes import keep_words_out


def test_a_task_that_fails_is_logged_without_what_the_error_says(caplog: pytest.LogCaptureFixture) -> None:
    app = Celery("test", set_as_current=False)
    said = f"{'jane'}@example.com is no number"  # not as a traceback would show this line

    @app.task(name="fails")
    def fails(number: int) -> None:
        raise ValueError(said)

    keep_words_out()
    with caplog.at_level(logging.DEBUG):
        fails.apply((7,))
    assert "fails [" in caplog.text
    assert "ValueError" in caplog.text
    assert "jane@example.com" not in caplog.text
