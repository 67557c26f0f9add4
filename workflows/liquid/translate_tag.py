"""`{% t %}text{% endt %}`: a text written in the default language, that translations may replace.

Source of the rules: https://docs.knock.app/template-editor/translations
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TextIO

from liquid import BoundTemplate, Node, RenderContext, Tag
from liquid.ast import BlockNode
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.token import TOKEN_EOF, TOKEN_TAG, Token

from workflows.liquid.context import Context
from workflows.liquid.translations import SYSTEM

PhraseOf = Callable[[str], BoundTemplate]


class TranslateNode(Node):
    """`text` is what stands between the tags, the key of its translations.

    `phrase_of` is set when the template is bound to the resources that it is compiled with: it gives a translation as a
    compiled template.
    """

    __slots__ = ("block", "phrase_of", "text")

    def __init__(self, token: Token, text: str, block: BlockNode) -> None:
        super().__init__(token)
        self.text = text
        self.block = block
        self.blank = block.blank
        self.phrase_of: PhraseOf | None = None

    def __str__(self) -> str:
        return f"{{% t %}}{self.block}{{% endt %}}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, Context)
        assert self.phrase_of is not None
        translation = context.texts.get(SYSTEM, {}).get(self.text)
        if not isinstance(translation, str) or translation == self.text:
            return self.block.render(context, buffer)
        return sum(node.render(context, buffer) for node in self.phrase_of(translation).nodes)

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:  # noqa: ARG002
        return [self.block]


class TranslateTag(Tag):
    name = "t"
    end = "endt"

    def parse(self, stream: TokenStream) -> TranslateNode:
        token = stream.eat(TOKEN_TAG)
        block = get_parser(self.env).parse_block(stream, (self.end, TOKEN_EOF))
        stream.expect(TOKEN_TAG, value=self.end)
        return TranslateNode(token, _between(token, stream.current), block)


def _between(start: Token, end: Token) -> str:
    """The source between two tags, without the space around it."""
    first = start.source.index("%}", start.start_index) + 2
    last = start.source.rindex("{%", first, end.start_index)
    return start.source[first:last].strip()
