"""From an e-mail step's templates to the e-mail.

The body is rendered first, then `pre_content` in the layout's scope, then the layout around both: what `pre_content`
assigns is seen by the layout, what it outputs stands before the body in the HTML part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Self

from workflows.content import Email
from workflows.email.blocks import CompiledBlock, compile_block
from workflows.email.headers import header_value, mailbox
from workflows.email.layouts import CompiledLayout
from workflows.email.text_part import html_to_text
from workflows.liquid.environment import Rendered, Template, compile_template
from workflows.model import EmailOverrides, EmailStep, EmailTemplate, Layout
from workflows.scope import Scope

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreContent:
    """Compiled twice, since what it assigns is escaped for the HTML layout and must not be for the text layout."""

    html: Template
    text: Template

    @classmethod
    def compile(cls, source: str, name: str) -> Self:
        return cls(compile_template(source, name=name, html=True), compile_template(source, name=name))

    def evaluate(self, scope: Variables) -> tuple[Rendered, Rendered]:
        return self.html.evaluate(scope), self.text.evaluate(scope)


NO_PRE_CONTENT = (Rendered("", {}), Rendered("", {}))


@dataclass(frozen=True, slots=True)
class CompiledEmail:
    """An e-mail step's templates, compiled. Holds no state of a rendering: one serves every run and thread."""

    subject: Template
    body: tuple[CompiledBlock, ...] | Template
    text: Template | None
    pre_content: PreContent | None
    layout: CompiledLayout | None
    overrides: Mapping[str, Template]

    def address(self, scope: Scope, now: datetime) -> str:
        """Where the e-mail goes: the step's `to_address`, or the recipient's own. Empty when there is none."""
        if "to_address" in self.overrides:
            return self._header("to_address", _variables(scope, now))
        email = scope.recipient.get("email")
        return header_value(email) if isinstance(email, str) else ""

    def render(self, scope: Scope, now: datetime, sender: str = "") -> Email:
        """`now` (aware) is what templates see as the variable `now` and the date "now"; `sender` is the channel's, whose
        name and address the step may each override. Raises `TemplateError`."""
        variables = _variables(scope, now)
        html, text = self._parts(variables)
        return Email(
            to=self.address(scope, now),
            subject=header_value(self.subject.render(variables)),
            html=html,
            text=text,
            sender=self._sender(sender, variables),
            cc=self._header("cc_address", variables),
            bcc=self._header("bcc_address", variables),
            reply_to=self._header("reply_to_address", variables),
        )

    def _parts(self, variables: Variables) -> tuple[str, str]:
        body = self._body(variables)
        text = self.text.render(variables) if self.text else html_to_text(body)
        scope = self.layout.scope(variables) if self.layout else variables
        for_html, for_text = self.pre_content.evaluate(scope) if self.pre_content else NO_PRE_CONTENT
        html = for_html.text.strip() + body
        if self.layout:
            html = self.layout.wrap_html(html, {**scope, **for_html.assigned})
            text = self.layout.wrap_text(text, {**scope, **for_text.assigned})
        return html, text.strip()

    def _body(self, variables: Variables) -> str:
        if isinstance(self.body, Template):
            return self.body.render(variables)
        return "\n".join(block.render(variables) for block in self.body)

    def _sender(self, default: str, variables: Variables) -> str:
        name, address = parseaddr(default)
        return mailbox(self._header("from_name", variables) or name, self._header("from_address", variables) or address)

    def _header(self, name: str, variables: Variables) -> str:
        template = self.overrides.get(name)
        return header_value(template.render(variables)) if template else ""


def compile_email(step: EmailStep, layout: Layout | None) -> CompiledEmail:
    """`layout` is the one that the step names. Raises `TemplateError`.

    Keeps nothing: the caller holds the result for as long as it holds that version of the workflow.
    """
    template = step.template
    return CompiledEmail(
        subject=compile_template(template.subject, name=f"{step.ref}/subject.txt"),
        body=_compile_body(template, step.ref),
        text=_compile_text(template.text_body, step.ref),
        pre_content=_compile_pre_content(template.pre_content, step.ref),
        layout=CompiledLayout.compile(layout) if layout else None,
        overrides=_compile_overrides(step.overrides, step.ref),
    )


def _compile_body(template: EmailTemplate, ref: str) -> tuple[CompiledBlock, ...] | Template:
    if template.blocks is None:
        return compile_template(template.html_body or "", name=f"{ref}/html_body.html", html=True)
    blocks = enumerate(template.blocks, start=1)
    return tuple(compile_block(block, name=f"{ref}/visual_blocks/{number}.content") for number, block in blocks)


def _compile_text(source: str | None, ref: str) -> Template | None:
    return None if source is None else compile_template(source, name=f"{ref}/text_body.txt")


def _compile_overrides(overrides: EmailOverrides, ref: str) -> dict[str, Template]:
    given = {name: source for name, source in asdict(overrides).items() if source is not None}
    return {name: compile_template(source, name=f"{ref}/channel_overrides/{name}") for name, source in given.items()}


def _compile_pre_content(source: str | None, ref: str) -> PreContent | None:
    return None if source is None else PreContent.compile(source, f"{ref}/settings/pre_content.txt")


def _variables(scope: Scope, now: datetime) -> dict[str, Any]:
    return {**scope.variables, "now": now.isoformat()}
