"""The body of an e-mail: written as code, or as blocks of the visual editor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, Self

from workflows.email.blocks import CompiledBlock, compile_block
from workflows.email.mjml import as_document, as_text, mjml_to_html
from workflows.email.text_part import html_to_text
from workflows.liquid.environment import Template, compile_template
from workflows.templates import EmailTemplate, Resources

Variables = Mapping[str, Any]


class RenderedBody(NamedTuple):
    """`readings` are the pieces that the text part is made from, as HTML; `assigned` is what the body's Liquid set."""

    html: str
    readings: tuple[str, ...]
    assigned: Mapping[str, Any]

    def text(self) -> str:
        return "\n\n".join(text for text in (html_to_text(reading).strip("\n") for reading in self.readings) if text)


@dataclass(frozen=True, slots=True)
class CompiledBody:
    """Exactly one of `code` and `blocks` is set. `in_mjml`: what stands around the body is MJML."""

    name: str
    code: Template | None
    blocks: tuple[CompiledBlock, ...]
    is_mjml: bool
    in_mjml: bool

    @classmethod
    def compile(cls, template: EmailTemplate, ref: str, resources: Resources, *, in_mjml: bool) -> Self:
        """Raises `TemplateError`, and `StepFailed` when a block names a partial that does not exist."""
        if template.blocks is not None:
            blocks = tuple(
                compile_block(block, name=f"{ref}/visual_blocks/{number}", resources=resources)
                for number, block in enumerate(template.blocks, start=1)
            )
            return cls(f"{ref}/visual_blocks.json", None, blocks, template.is_mjml, in_mjml)
        name = f"{ref}/html_body.{'mjml' if template.is_mjml else 'html'}"
        code = compile_template(template.html_body or "", name=name, html=True, resources=resources)
        return cls(name, code, (), template.is_mjml, in_mjml)

    def render(self, variables: Variables) -> RenderedBody:
        """What a block assigns, the later ones see."""
        if self.code is not None:
            html, assigned = self.code.evaluate(variables)
            return RenderedBody(html, (html,), assigned)
        rendered = []
        seen: dict[str, Any] = {}
        for block in self.blocks:
            rendered.append(block({**variables, **seen}))
            seen.update(rendered[-1].assigned)
        html = "\n".join(self._beside_mjml(each.html for each in rendered))
        return RenderedBody(html, tuple(each.reading for each in rendered), seen)

    def text(self, body: RenderedBody) -> str:
        """Its text part. Raises `MjmlInvalid`."""
        if self.is_mjml and self.code is not None:
            return html_to_text(mjml_to_html(as_document(body.html))).strip("\n")
        return body.text()

    def _beside_mjml(self, blocks: Iterable[str]) -> Iterator[str]:
        """In MJML, the blocks between those that are MJML themselves are one text."""
        written = (block for block in blocks if block)
        if not self.in_mjml:
            return written
        grouped = groupby(written, lambda block: "<mj-" in block)
        return ("\n".join(group) if is_mjml else as_text("\n".join(group)) for is_mjml, group in grouped)
