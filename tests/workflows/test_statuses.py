"""Message statuses in conditions: the order, the cases, and which of several messages counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.statuses import STATUS_CASES, MessageStatus, StatusKind, highest_of, shown_status, status_holds

ORDER = ["undelivered", "bounced", "delivery_attempted", "queued", "not_sent", "sent", "delivered", "seen", "read"]
ORDER += ["interacted", "archived"]
kinds = st.sampled_from(["delivery_status", "engagement_status", "status"])
messages = st.builds(
    MessageStatus,
    st.sampled_from(ORDER[:7]),
    st.frozensets(st.sampled_from(["seen", "read", "interacted", "link_clicked", "archived"])),
)


def message(delivery: str, *engagement: str) -> MessageStatus:
    return MessageStatus(delivery, frozenset(engagement))


def holds(kind: StatusKind, operator: str, case: str, *found: MessageStatus) -> bool:
    return status_holds(kind, operator, [case], found)


@pytest.mark.parametrize("index", range(len(ORDER)))
def test_the_statuses_rise_from_undelivered_to_archived(index: int) -> None:
    found = message(ORDER[index]) if index < 7 else message("delivered", ORDER[index])
    for other, case in enumerate(ORDER):
        assert holds("status", "less_than", case, found) is (index < other)
        assert holds("status", "greater_than_or_equal_to", case, found) is (index >= other)


DELIVERED, SEEN, READ = message("delivered"), message("delivered", "seen"), message("delivered", "seen", "read")
CLICKED = message("sent", "read", "link_clicked")


@pytest.mark.parametrize(
    ("kind", "operator", "case", "skipped", "delivered", "seen", "read"),
    [
        ("delivery_status", "equal_to", "skipped", True, False, False, False),
        ("delivery_status", "not_equal_to", "skipped", False, True, True, True),
        ("delivery_status", "equal_to", "undelivered", False, False, False, False),
        ("delivery_status", "equal_to", "delivered", False, True, True, True),
        ("delivery_status", "greater_than_or_equal_to", "sent", False, True, True, True),
        ("delivery_status", "less_than", "sent", True, False, False, False),
        ("delivery_status", "less_than", "seen", True, True, True, True),
        ("delivery_status", "exists", "", False, True, True, True),
        ("delivery_status", "empty", "", True, False, False, False),
        ("engagement_status", "contains", "seen", False, False, True, True),
        ("engagement_status", "not_contains", "seen", True, True, False, False),
        ("engagement_status", "equal_to", "seen", False, False, True, True),
        ("engagement_status", "contains", "seen_not_read", False, False, True, False),
        ("engagement_status", "contains", "read_not_link_clicked", False, False, False, True),
        ("engagement_status", "contains", "delivered", False, False, False, False),
        ("engagement_status", "less_than", "read", True, True, True, False),
        ("engagement_status", "not_empty", "", False, False, True, True),
        ("engagement_status", "exists", "", False, True, True, True),
        ("status", "less_than", "seen", True, True, False, False),
        ("status", "greater_than_or_equal_to", "seen", False, False, True, True),
        ("status", "equal_to", "skipped", True, False, False, False),
        ("status", "equal_to", "seen", False, False, True, False),
        ("status", "equal_to", "seen_not_read", False, False, True, False),
        ("status", "contains", "seen", False, False, True, True),
        ("status", "contains", "delivered", False, True, True, True),
        ("status", "less_than", "seen_not_read", False, False, False, False),
        ("status", "less_than", "unheard_of", False, False, False, False),
        ("status", "is_timestamp", "seen", False, False, False, False),
    ],
)
def test_what_holds_for_a_skipped_a_delivered_a_seen_and_a_read_message(
    kind: StatusKind, operator: str, case: str, skipped: bool, delivered: bool, seen: bool, read: bool
) -> None:
    assert holds(kind, operator, case) is skipped
    assert holds(kind, operator, case, DELIVERED) is delivered
    assert holds(kind, operator, case, SEEN) is seen
    assert holds(kind, operator, case, READ) is read


def test_of_several_messages_the_one_with_the_highest_status_counts() -> None:
    found = [message("delivered"), message("sent", "read"), message("bounced")]
    assert highest_of(found) == message("sent", "read")
    assert not status_holds("delivery_status", "greater_than_or_equal_to", ["delivered"], found)
    assert status_holds("engagement_status", "contains", ["read"], found)


def test_a_click_on_a_link_ranks_as_an_interaction() -> None:
    both = message("delivered", "interacted", "link_clicked")
    assert both.highest == ("interacted", "link_clicked")
    assert holds("status", "equal_to", "interacted", both)
    assert holds("status", "equal_to", "link_clicked", both)
    assert not holds("engagement_status", "contains", "read_not_link_clicked", CLICKED)


def test_of_several_cases_any_or_all_must_hold() -> None:
    assert status_holds("engagement_status", "contains", ["archived", "seen"], [SEEN])
    assert not status_holds("engagement_status", "contains_all", ["archived", "seen"], [SEEN])
    assert status_holds("engagement_status", "contains_all", ["read", "seen"], [READ])
    assert status_holds("engagement_status", "not_contains_all", ["archived", "seen"], [SEEN])
    assert not status_holds("status", "less_than", ["seen", "read"], [DELIVERED])


def test_what_a_condition_saw_is_shown() -> None:
    assert shown_status("delivery_status", []) == "skipped"
    assert shown_status("delivery_status", [READ]) == "delivered"
    assert shown_status("engagement_status", [READ]) == ["seen", "read"]
    assert shown_status("status", [DELIVERED, READ]) == "read"


@given(kinds, st.sampled_from(["equal_to", "contains", "contains_all", "empty", "exists"]), st.data())
def test_a_negation_holds_exactly_where_the_other_does_not(
    kind: StatusKind, operator: str, data: st.DataObject
) -> None:
    found, case = data.draw(st.lists(messages, max_size=3)), data.draw(st.sampled_from(STATUS_CASES))
    assert status_holds(kind, f"not_{operator}", [case], found) is not status_holds(kind, operator, [case], found)


@given(kinds, st.lists(messages, max_size=3), st.sampled_from([*ORDER, "link_clicked", "skipped"]))
def test_less_than_is_the_complement_of_at_least(kind: StatusKind, found: list[MessageStatus], case: str) -> None:
    below = status_holds(kind, "less_than", [case], found)
    assert status_holds(kind, "greater_than_or_equal_to", [case], found) is not below


@given(st.lists(messages, min_size=1, max_size=4))
def test_no_message_ranks_above_the_highest(found: list[MessageStatus]) -> None:
    highest = highest_of(found)
    assert highest is not None
    assert highest.rank == max(each.rank for each in found)
