from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.keys import as_text, resolve_key
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (None, ""),
        ("", ""),
        ("page_id", "7"),
        ("data.page_id", "7"),
        ("comment.page", "a page"),
        ("recipient.id", "jane"),
        ("{{data.page_id}}-{{ actor.id }}", "7-ann"),
        (" {% if data.page_id > 5 %}many{% endif %} ", "many"),
        ("data.missing", ""),
        ("{{ data.missing }}", ""),
        ("is_open", "true"),
        ("ratio", "0.5"),
    ],
)
def test_a_key_is_liquid_a_path_or_a_path_in_the_data(
    source: str | None, key: str, make_context: MakeContext, make_scope: MakeScope
) -> None:
    data = {"page_id": 7, "comment": {"page": "a page"}, "is_open": True, "ratio": 0.5}
    context = make_context(scope=make_scope(data=data, actor={"id": "ann"}))
    steps = resolve_key(source, context, "step_1/key")
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == key


scalars = st.none() | st.booleans() | st.integers() | st.text()
documents = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(documents)
def test_equal_values_have_equal_keys(value: Any) -> None:
    assert as_text(value) == as_text(value)
    assert isinstance(as_text(value), str)


def test_a_map_has_a_short_key_that_depends_on_its_content() -> None:
    first, second = as_text({"a": 1}), as_text({"a": 2})
    assert first != second
    assert len(first) == len(second) == 64
