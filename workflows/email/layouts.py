"""A layout around a rendered body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from liquid import Markup

from workflows.liquid.environment import Template, compile_template
from workflows.model import Layout


@dataclass(frozen=True, slots=True)
class CompiledLayout:
    """Its templates see, beside what a body sees, `footer_links` and `content`."""

    html: Template
    text: Template
    footer_links: tuple[tuple[Template, Template], ...]
    has_text: bool

    @classmethod
    def compile(cls, layout: Layout) -> Self:
        """Raises `TemplateError`."""
        name = f"layouts/{layout.key}"
        return cls(
            compile_template(layout.html, name=f"{name}/html_layout.html", html=True),
            compile_template(layout.text, name=f"{name}/text_layout.txt"),
            tuple(
                (
                    compile_template(link["text"], name=f"{name}/footer_links/{number}.text"),
                    compile_template(link["url"], name=f"{name}/footer_links/{number}.url"),
                )
                for number, link in enumerate(layout.footer_links, start=1)
            ),
            bool(layout.text.strip()),
        )

    def scope(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The layout's variables, still without `content`."""
        links = [{"text": text.render(variables), "url": url.render(variables)} for text, url in self.footer_links]
        return {**variables, "footer_links": links}

    def wrap_html(self, content: str, scope: Mapping[str, Any]) -> str:
        """`content` is finished HTML and is not escaped again."""
        return self.html.render({**scope, "content": Markup(content)})

    def wrap_text(self, content: str, scope: Mapping[str, Any]) -> str:
        """The content itself when the layout has no text."""
        return self.text.render({**scope, "content": content}) if self.has_text else content
