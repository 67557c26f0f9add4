"""From an e-mail step's templates to the e-mail.

`pre_content` comes first, in the layout's scope; the body sees what it assigns, and the layout what both of them assign.
What `pre_content` outputs stands before the body in the HTML part.
Source: https://docs.knock.app/integrations/email/layouts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, NamedTuple, Self

from liquid import Markup

from workflows.branding import branding
from workflows.channels import NoAddress
from workflows.channels.json_template import JsonTemplate
from workflows.content import Email
from workflows.email.attachments import attachments
from workflows.email.body import CompiledBody, RenderedBody
from workflows.email.headers import header_value, is_one_address, mailbox
from workflows.email.layouts import CompiledLayout
from workflows.email.mjml import MjmlInvalid, as_document, mjml_to_html
from workflows.email.rows import BASE_STYLES
from workflows.email.styles import into_head, without_styles
from workflows.email.text_part import html_to_text
from workflows.errors import StepFailed, TemplateError
from workflows.liquid.environment import Rendered, Template, compile_template
from workflows.model import ChannelStep, Overrides
from workflows.scope import ChannelView, StepContext
from workflows.templates import EmailTemplate, Resources

Variables = Mapping[str, Any]

_HEADERS = ("to_address", "from_address", "from_name", "cc_address", "bcc_address", "reply_to_address")


class Dialects(NamedTuple):
    """The same twice: escaped for the HTML part, and as it is for the text part."""

    html: Rendered
    text: Rendered


@dataclass(frozen=True, slots=True)
class PreContent:
    """Compiled twice, since what it assigns is escaped for the HTML layout and must not be for the text layout."""

    html: Template
    text: Template

    @classmethod
    def compile(cls, source: str | None, name: str, resources: Resources) -> Self | None:
        if source is None:
            return None
        html = compile_template(source, name=name, html=True, resources=resources)
        return cls(html, compile_template(source, name=name, resources=resources))

    def evaluate(self, scope: Variables) -> Dialects:
        return Dialects(self.html.evaluate(scope), self.text.evaluate(scope))


NO_PRE_CONTENT = Dialects(Rendered("", {}), Rendered("", {}))


@dataclass(frozen=True, slots=True)
class CompiledEmail:
    """An e-mail step's templates, compiled. Holds no state of a rendering: one serves every run and thread."""

    subject: Template
    body: CompiledBody
    text: Template | None
    pre_content: PreContent | None
    layout: CompiledLayout | None
    headers: Mapping[str, Template]
    overrides: JsonTemplate | None
    attachment_key: str

    def addresses(self, context: StepContext, _channel: ChannelView, /) -> tuple[str, ...]:
        """The step's `to_address`, which may be several in one, or the recipient's own, which may not.

        Raises `NoAddress` and `TemplateError`.
        """
        overridden = "to_address" in self.headers
        known = context.scope.recipient.get("email")
        address = self._header("to_address", self._variables(context)) if overridden else _own_address(known)
        if not address:
            raise NoAddress("recipient has no email address")
        if not overridden and not is_one_address(address):
            raise NoAddress("recipient's email is not one address")
        return (address,)

    def render(self, context: StepContext, channel: ChannelView, address: str, /) -> Email:
        """`channel.sender` is whom the step overrides in part or not. Raises `TemplateError`, and `StepFailed` for
        attachments and JSON overrides that are none."""
        variables = self._variables(context)
        html, text = self._parts(variables)
        return Email(
            to=address,
            subject=header_value(self.subject.render(variables)),
            html=html,
            text=text,
            sender=self._sender(channel.sender, variables),
            cc=self._header("cc_address", variables),
            bcc=self._header("bcc_address", variables),
            reply_to=self._header("reply_to_address", variables),
            headers=_unsubscribing(context.unsubscribe_url),
            attachments=attachments(context.scope, self.attachment_key),
            overrides=self.overrides.render(variables) if self.overrides else {},
        )

    def _variables(self, context: StepContext) -> dict[str, Any]:
        known = context.variables["vars"]
        brand = branding(known, context.scope.tenant, self.layout.branding_overrides if self.layout else None)
        return {**context.variables, "vars": {**known, "branding": brand}}

    def _parts(self, variables: Variables) -> tuple[str, str]:
        scope = self.layout.scope(variables) if self.layout else variables
        before = self.pre_content.evaluate(scope) if self.pre_content else NO_PRE_CONTENT
        body = self.body.render({**variables, **before.html.assigned})
        content = before.html.text.strip() + body.html
        html = self._html(content, {**scope, **before.html.assigned, **body.assigned})
        return html, self._text(body, variables, scope, before.text.assigned).strip()

    def _html(self, content: str, scope: Variables) -> str:
        styles: list[str] = []
        if self.layout and self.layout.has_head:
            content, styles = without_styles(content)
            styles = [*([BASE_STYLES] if self.body.blocks else []), *styles]
        document = self.layout.wrap_html(content, scope) if self.layout else content
        if self.body.in_mjml:
            document = self._from_mjml(document, scope)
        return into_head(document, styles)

    def _from_mjml(self, document: str, scope: Variables) -> str:
        try:
            return mjml_to_html(document if self.layout else as_document(document))
        except MjmlInvalid as error:
            name = self._name_of_broken(scope)
            raise TemplateError(f"is not valid MJML: {error}", name=name) from error

    def _name_of_broken(self, scope: Variables) -> str:
        """The layout when it is broken by itself, otherwise the body."""
        if self.layout is None:
            return self.body.name
        try:
            mjml_to_html(self.layout.wrap_html("", scope))
        except MjmlInvalid:
            return self.layout.name
        return self.body.name

    def _text(self, body: RenderedBody, variables: Variables, scope: Variables, before: Variables) -> str:
        if self.text:
            text, assigned = self.text.evaluate({**variables, **before})
        else:
            text, assigned = self.body.text(body), _unescaped(body.assigned)
        return self.layout.wrap_text(text, {**scope, **before, **assigned}) if self.layout else text

    def _sender(self, default: str, variables: Variables) -> str:
        name, address = parseaddr(default)
        return mailbox(self._header("from_name", variables) or name, self._header("from_address", variables) or address)

    def _header(self, name: str, variables: Variables) -> str:
        template = self.headers.get(name)
        return header_value(template.render(variables)) if template else ""


def compile_email(step: ChannelStep, resources: Resources) -> CompiledEmail:
    """Raises `TemplateError`, and `StepFailed` when the step names a layout or a partial that does not exist.

    Keeps nothing: the caller holds the result for as long as it holds that version of the workflow.
    """
    template = step.template
    assert isinstance(template, EmailTemplate)
    layout = _compile_layout(template, step.ref, resources)

    def text(source: str, place: str) -> Template:
        return compile_template(source, name=f"{step.ref}/{place}", resources=resources)

    return CompiledEmail(
        subject=text(template.subject, "subject.txt"),
        body=CompiledBody.compile(
            template, step.ref, resources, in_mjml=layout.is_mjml if layout else template.is_mjml
        ),
        text=None if template.text_body is None else text(template.text_body, "text_body.txt"),
        pre_content=PreContent.compile(template.pre_content, f"{step.ref}/settings/pre_content.txt", resources),
        layout=layout,
        headers={name: text(source, f"channel_overrides/{name}") for name, source in _given(step.overrides).items()},
        overrides=JsonTemplate.compile(
            step.overrides.json_overrides, f"{step.ref}/channel_overrides/json_overrides", resources
        ),
        attachment_key=template.attachment_key,
    )


def _compile_layout(template: EmailTemplate, ref: str, resources: Resources) -> CompiledLayout | None:
    if template.layout_key is None:
        return None
    layout = resources.layouts.get(template.layout_key)
    if layout is None:
        raise StepFailed(f"{ref} uses the layout `{template.layout_key}`, which does not exist")
    if template.is_mjml and not layout.is_mjml:
        raise StepFailed(f"{ref} is MJML, and its layout `{layout.key}` is not: it needs an MJML layout or none")
    return CompiledLayout.compile(layout, resources)


def _given(overrides: Overrides) -> dict[str, str]:
    return {name: source for name in _HEADERS if (source := getattr(overrides, name)) is not None}


def _own_address(known: object) -> str:
    return header_value(known) if isinstance(known, str) else ""


def _unsubscribing(url: str) -> dict[str, str]:
    """One-click unsubscribing, RFC 8058. An empty address: the workflow is not commercial."""
    if not url:
        return {}
    return {
        "List-Unsubscribe": f"<{header_value(url)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _unescaped(assigned: Variables) -> dict[str, Any]:
    """What an HTML body has set, as text: what it captured is HTML."""
    return {name: html_to_text(value) if isinstance(value, Markup) else value for name, value in assigned.items()}
