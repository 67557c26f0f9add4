"""A layout around a rendered body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from liquid import Markup

from workflows.email.styles import has_head
from workflows.liquid.environment import Template, compile_template
from workflows.templates import Layout, Resources


@dataclass(frozen=True, slots=True)
class CompiledLayout:
    """Its templates see, beside what a body sees and assigns, `footer_links` and `content`."""

    name: str
    html: Template
    text: Template
    footer_links: tuple[tuple[Template, Template], ...]
    has_text: bool
    has_head: bool
    is_mjml: bool
    branding_overrides: Mapping[str, str]

    @classmethod
    def compile(cls, layout: Layout, resources: Resources) -> Self:
        """Raises `TemplateError`."""
        path = f"layouts/{layout.key}"
        name = f"{path}/html_layout.{'mjml' if layout.is_mjml else 'html'}"

        def text(source: str, place: str) -> Template:
            return compile_template(source, name=f"{path}/{place}", resources=resources)

        return cls(
            name,
            compile_template(layout.html, name=name, html=True, resources=resources),
            text(layout.text, "text_layout.txt"),
            tuple(
                (text(link["text"], f"footer_links/{number}.text"), text(link["url"], f"footer_links/{number}.url"))
                for number, link in enumerate(layout.footer_links, start=1)
            ),
            has_text=bool(layout.text.strip()),
            has_head=layout.is_mjml or has_head(layout.html),
            is_mjml=layout.is_mjml,
            branding_overrides=layout.branding_overrides,
        )

    def scope(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The layout's variables, still without `content`."""
        links = [{"text": text.render(variables), "url": url.render(variables)} for text, url in self.footer_links]
        return {**variables, "footer_links": links}

    def wrap_html(self, content: str, scope: Mapping[str, Any]) -> str:
        """`content` is finished HTML (or MJML) and is not escaped again."""
        return self.html.render({**scope, "content": Markup(content)})

    def wrap_text(self, content: str, scope: Mapping[str, Any]) -> str:
        """The content itself when the layout has no text."""
        return self.text.render({**scope, "content": content}) if self.has_text else content
