"""Pages and their cursors."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from api_shim.pages import Page, PageQuery, page_of
from tests.answers import fields
from tests.conftest import CheckedClient

LISTS = ["/v1/users", "/v1/messages", "/v1/workflow_recipient_runs"]
FOREIGN = ["!!!", "abc", "====", "YWJj", "é", "page:", "a" * 5000, "g3QAAAAB", urlsafe_b64encode(b"page:\0").decode()]


def cut(rows: list[str], **query: object) -> Page:
    return page_of(PageQuery.model_validate(query), rows, lambda row: row)


@given(st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\0"))), st.integers(1, 50))
def test_walking_back_shows_the_pages_that_walking_forward_showed(given_rows: set[str], size: int) -> None:
    rows = sorted(given_rows)
    forward = [cut(rows, page_size=size)]
    while forward[-1].after:
        forward.append(cut(rows, page_size=size, after=forward[-1].after))
    back = [forward[-1]]
    while back[-1].before:
        back.append(cut(rows, page_size=size, before=back[-1].before))
    assert [row for page in forward for row in page.rows] == rows
    assert [page.rows for page in reversed(back)] == [page.rows for page in forward]


def test_a_cursor_stays_where_it_is_when_its_row_goes_and_others_come() -> None:
    first = cut(["b", "d", "f"], page_size=2)
    assert cut(["a", "b", "e", "f"], page_size=2, after=first.after).rows == ["e", "f"]


def test_before_wins_over_after() -> None:
    after = cut(["a", "b", "c"], page_size=1).after
    last = cut(["a", "b", "c"], page_size=1, after=cut(["a", "b", "c"], page_size=1, after=after).after)
    assert cut(["a", "b", "c"], page_size=1, after=after, before=last.before).rows == ["b"]


def test_an_empty_list_has_no_neighbours() -> None:
    assert cut([]).info() == {"__typename": "PageInfo", "after": None, "before": None, "page_size": 50}


def test_a_cursor_that_is_not_ours_is_refused(api: CheckedClient) -> None:
    for path, direction in product(LISTS, ("after", "before")):
        answers = [api.get(path, params={direction: cursor}) for cursor in FOREIGN]
        assert [fields(answer) for answer in answers] == [[direction]] * len(FOREIGN)


def test_an_empty_cursor_is_none(api: CheckedClient) -> None:
    empty = [api.get(f"{path}?after=&before=").json() for path in LISTS]
    assert empty == [api.get(path).json() for path in LISTS]


def test_a_page_has_between_one_and_fifty_rows(api: CheckedClient) -> None:
    wrong = ["0", "51", "-1", "x", "", "1e9", "9" * 30]
    refused = [fields(api.get(path, params={"page_size": size})) for path, size in product(LISTS, wrong)]
    assert refused == [["page_size"]] * len(LISTS) * len(wrong)
    assert {api.get(f"{path}?page_size=50").json()["page_info"]["page_size"] for path in LISTS} == {50}


def test_a_cursor_of_another_list_is_refused_where_it_makes_no_sense(api: CheckedClient) -> None:
    for user in ("a", "b"):
        api.put(f"/v1/users/{user}", json={})
    cursor = api.get("/v1/users?page_size=1").json()["page_info"]["after"]
    assert fields(api.get("/v1/workflow_recipient_runs", params={"after": cursor})) == ["after"]
