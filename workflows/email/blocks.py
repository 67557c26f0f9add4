"""The visual editor's blocks as HTML.

Variables are escaped before Markdown is applied, so they can bring emphasis and links but no HTML of their own; HTML
that the author writes into a Markdown block stays HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, assert_never

from workflows.email.buttons import compile_button_set
from workflows.email.markup import anchor, image_source, length, link_target
from workflows.email.rows import TABLE, RenderedBlock, row
from workflows.errors import StepFailed
from workflows.liquid.environment import compile_template
from workflows.liquid.markdown import markdown_to_html
from workflows.templates import (
    ButtonSetBlock,
    DividerBlock,
    EmailBlock,
    HtmlBlock,
    ImageBlock,
    MarkdownBlock,
    PartialBlock,
    Resources,
)

Variables = Mapping[str, Any]
CompiledBlock = Callable[[Variables], RenderedBlock]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SINGLE_OUTPUT = re.compile(r"\s*\{\{-?((?:(?!-?\}\}).)+)-?\}\}\s*", re.DOTALL)


def compile_block(block: EmailBlock, *, name: str, resources: Resources) -> CompiledBlock:
    """`name` is without its field, such as `email_1/visual_blocks/1`.

    Raises `TemplateError`, and `StepFailed` when there is no such partial.
    """
    match block:
        case MarkdownBlock():
            return _markdown_block(block, name, resources)
        case HtmlBlock():
            return _html_block(block, name, resources)
        case ImageBlock():
            return _image(block, name, resources)
        case DividerBlock():
            return _divider(block)
        case ButtonSetBlock():
            return compile_button_set(block, name, resources)
        case PartialBlock():
            return _partial(block, name, resources)
        case _:
            assert_never(block)


def _markdown_block(block: MarkdownBlock, name: str, resources: Resources) -> CompiledBlock:
    template = compile_template(block.content, name=f"{name}.content.md", html=True, resources=resources)

    def render(variables: Variables) -> RenderedBlock:
        text, assigned = template.evaluate(variables)
        html = markdown_to_html(text)
        inner = f'<div class="block-markdown">\n{html}</div>'
        return RenderedBlock(row("markdown", inner, block.padding), html, assigned)

    return render


def _html_block(block: HtmlBlock, name: str, resources: Resources) -> CompiledBlock:
    """MJML that the author writes into it has no row around it: it brings its own."""
    template = compile_template(block.content, name=f"{name}.content.html", html=True, resources=resources)

    def render(variables: Variables) -> RenderedBlock:
        html, assigned = template.evaluate(variables)
        return RenderedBlock(html if "<mj-" in html else row("html", html, block.padding), html, assigned)

    return render


def _image(block: ImageBlock, name: str, resources: Resources) -> CompiledBlock:
    """Without an address there is no image, only its description in the text part."""
    fields = {"url": block.url, "alt": block.alt, "action": block.action, "width": block.width}
    url, alt, action, width = (
        compile_template(source, name=f"{name}.{field}", resources=resources) for field, source in fields.items()
    )

    def render(variables: Variables) -> RenderedBlock:
        source, target = image_source(url.render(variables)), link_target(action.render(variables))
        description = " ".join(alt.render(variables).split())
        reading = anchor(target, escape(description)) if target else escape(f"[{description}]" if description else "")
        if not source:
            return RenderedBlock("", reading, {})
        css, attribute = length(width.render(variables))
        image = _image_element(source, description, css, attribute)
        inner = f'<div class="block-image">{anchor(target, image) if target else image}</div>'
        return RenderedBlock(row("image", inner, block.padding, block.align), reading, {})

    return render


def _image_element(source: str, alt: str, css: str, attribute: str) -> str:
    sized = f' width="{attribute}"' if attribute else ""
    style = f"{f'width:{css};' if css else ''}max-width:100%;height:auto;border:0;outline:none;text-decoration:none"
    return f'<img src="{escape(source)}" alt="{escape(alt)}"{sized} style="{style}">'


def _divider(block: DividerBlock) -> CompiledBlock:
    line = '<td class="block-divider" style="border-bottom:1px solid #dddee1;font-size:0;line-height:0">&nbsp;</td>'
    html = row("divider", f'<table width="100%" {TABLE}><tr>{line}</tr></table>', block.padding)
    return lambda _: RenderedBlock(html, "<hr>", {})


def _partial(block: PartialBlock, name: str, resources: Resources) -> CompiledBlock:
    """Stands in a row only where a padding is asked for: a partial brings its own. It sees its attributes and `vars`."""
    if block.key not in resources.partials:
        raise StepFailed(f"{name} is the partial `{block.key}`, which does not exist")
    attributes = {
        key: _attribute(value, f"{name}.attrs/{key}", resources)
        for key, value in block.attrs.items()
        if _NAME.fullmatch(key)
    }
    given = {"vars": "vars", **{key: f"block_attributes.{key}" for key in attributes}}
    arguments = "".join(f", {key}: {value}" for key, value in given.items())
    template = compile_template(f"{{% render '{block.key}'{arguments} %}}", name=name, html=True, resources=resources)

    def render(variables: Variables) -> RenderedBlock:
        rendered = {key: attribute(variables) for key, attribute in attributes.items()}
        html = template.render({**variables, "block_attributes": rendered})
        return RenderedBlock(row("partial", html, block.padding) if block.padding else html, html, {})

    return render


def _attribute(value: Any, name: str, resources: Resources) -> Callable[[Variables], Any]:
    """Text is a template, also inside of lists and maps, and stays plain text: the partial escapes it."""
    match value:
        case str():
            return _text_attribute(value, name, resources)
        case list():
            items = [_attribute(item, name, resources) for item in value]
            return lambda variables: [item(variables) for item in items]
        case dict():
            fields = {key: _attribute(item, f"{name}/{key}", resources) for key, item in value.items()}
            return lambda variables: {key: item(variables) for key, item in fields.items()}
        case _:
            return lambda _: value


def _text_attribute(source: str, name: str, resources: Resources) -> Callable[[Variables], Any]:
    """`{{ data.items }}` alone is the list or map itself, so that the partial can go through it."""
    template = compile_template(source, name=name, resources=resources)
    single = _SINGLE_OUTPUT.fullmatch(source)
    if single is None:
        return template.render
    assigning = compile_template(f"{{% assign value = {single[1]} %}}", name=name, resources=resources)

    def render(variables: Variables) -> Any:
        value = assigning.evaluate(variables).assigned.get("value")
        return value if isinstance(value, list | tuple | Mapping) else template.render(variables)

    return render
