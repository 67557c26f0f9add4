from __future__ import annotations

from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from notify_workers.ids import channel_id, environment_id, ksuid, recipient_run_id

MOMENTS = st.floats(min_value=1_700_000_000, max_value=5_000_000_000)


@settings(max_examples=40)
@given(MOMENTS)
def test_an_identifier_has_27_letters_and_digits(at: float) -> None:
    made = ksuid(at)
    assert len(made) == 27
    assert made.isascii()
    assert made.isalnum()


@settings(max_examples=40)
@given(MOMENTS, st.floats(min_value=1 / 128, max_value=1_000_000))
def test_identifiers_sort_by_time(at: float, later: float) -> None:
    assert ksuid(at) < ksuid(at + later)


def test_identifiers_of_one_moment_differ() -> None:
    assert len({ksuid(1_800_000_000.0) for _ in range(1000)}) == 1000


def test_a_derived_identifier_is_the_same_again_and_different_for_anything_else() -> None:
    trigger = uuid4()
    assert recipient_run_id(trigger, "$users", "jane") == recipient_run_id(trigger, "$users", "jane")
    others = {recipient_run_id(trigger, "$users", "bob"), recipient_run_id(uuid4(), "$users", "jane")}
    assert recipient_run_id(trigger, "$users", "jane") not in others
    assert channel_id("development") != environment_id("development")
