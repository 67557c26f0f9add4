"""Changes that are taken back leave nothing behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflows.simulate.journal import Journal

changes = st.lists(st.tuples(st.sampled_from(("put", "drop", "add")), st.integers(0, 4), st.integers()))


def apply(journal: Journal, table: dict[int, int], values: list[int], made: list[tuple[str, int, int]]) -> None:
    for what, key, value in made:
        if what == "put":
            journal.put(table, key, value)
        elif what == "drop":
            journal.drop(table, key)
        else:
            journal.add(values, value)


@given(before=changes, after=changes)
def test_tables_are_as_they_were_at_the_beginning(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    journal, table, values = Journal(), dict[int, int](), list[int]()
    apply(journal, table, values, before)
    known = dict(table), list(values)
    journal.begin()
    apply(journal, table, values, after)
    journal.roll_back()
    assert (table, values) == known


def test_what_is_committed_is_not_taken_back() -> None:
    journal, table = Journal(), dict[str, int]()
    journal.begin()
    journal.put(table, "a", 1)
    journal.commit()
    journal.begin()
    journal.put(table, "b", 2)
    journal.roll_back()
    assert table == {"a": 1}
