"""Splits: steady, even, and independent of each other."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from workflows.cohorts import bucket


def test_a_bucket_never_changes() -> None:
    assert bucket("jane", "onboarding/experiment_1") == Decimal("0.1299055591524134005681351267")


@given(st.text(), st.text())
def test_a_bucket_lies_from_0_up_to_100(key: str, salt: str) -> None:
    assert 0 <= bucket(key, salt) < 100


def test_a_tenth_of_the_recipients_falls_into_each_tenth() -> None:
    counts = [0] * 10
    for number in range(10_000):
        counts[int(bucket(f"user-{number}", "split") // 10)] += 1
    assert all(900 < count < 1100 for count in counts)


def test_different_splits_choose_different_recipients() -> None:
    chosen = [number for number in range(10_000) if bucket(f"user-{number}", "a") < 10]
    again = [number for number in chosen if bucket(f"user-{number}", "b") < 10]
    assert 50 < len(again) < 150
