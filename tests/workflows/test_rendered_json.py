import json
from collections.abc import Callable, Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.errors import StepFailed
from workflows.rendered_json import parse_json, render_json, render_object
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def end(steps: Generator[Any, Any, Any]) -> Any:
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    return stopped.value.value


@pytest.mark.parametrize(
    ("source", "value"), [('{"n": {{ data.n }}}', {"n": 2}), ("[{{ data.n }}]", [2]), (" ", None), ("null", None)]
)
def test_a_template_renders_to_any_json(
    source: str, value: Any, make_context: MakeContext, make_scope: MakeScope
) -> None:
    assert end(render_json(source, make_context(scope=make_scope(data={"n": 2})), "a")) == value


def test_nothing_is_an_empty_object(make_context: MakeContext) -> None:
    assert end(render_object("", make_context(), "a")) == {}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("[1]", "step_1/data renders to list, not to a JSON object"),
        ('{"a": }', "step_1/data does not render to JSON: Expecting value: line 1 column 7 (char 6)"),
        ('{"a": Infinity}', "step_1/data does not render to JSON: Infinity is no JSON number"),
    ],
)
def test_what_is_no_object_says_where_it_breaks(source: str, said: str, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed) as caught:
        end(render_object(source, make_context(), "step_1/data"))
    assert str(caught.value) == said


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def test_levels_are_bounded_far_below_what_cannot_be_read_again() -> None:
    assert parse_json(nested(100)) == json.loads(nested(100))
    with pytest.raises(ValueError, match="nests more than 100 deep"):
        parse_json(nested(101))


@pytest.mark.parametrize("text", [r'"\\u0000"', r'"a\\\\u0000"', '"\\ud83d\\ude00"'])
def test_what_only_looks_like_nul_or_half_a_character_is_kept(text: str) -> None:
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("text", [r'"\u0000"', r'{"\u0000": 1}', r'"\\\u0000"', r'["a\ud800b"]'])
def test_nul_and_half_a_character_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a text in it holds"):
        parse_json(text)


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner)
    ),
)


@given(documents)
def test_every_other_document_is_read_as_it_is(document: Any) -> None:
    assert parse_json(json.dumps(document)) == document
