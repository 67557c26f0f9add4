from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workflows.channels import NoAddress
from workflows.content import Attachment, Email
from workflows.email.render import CompiledEmail, compile_email
from workflows.errors import StepFailed, TemplateError
from workflows.model import ChannelStep, Overrides
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import HtmlBlock, Layout, MarkdownBlock, Partial, Resources

MakeStep = Callable[..., ChannelStep]
MakeScope = Callable[..., Scope]
Render = Callable[..., Email]
CHANNEL = ChannelView("ch_1", "email", "email", "smtp")
LAYOUT = Layout(
    "default", "Default", "<html>{{ preview_text }}|{{ content }}</html>", "{{ preview_text }}|{{ content }}"
)
MJML_LAYOUT = Layout(
    "mjml",
    "MJML",
    '<mjml><mj-head><mj-attributes><mj-text color="#123456" /></mj-attributes></mj-head><mj-body><mj-section><mj-column>'
    "{{ content }}</mj-column></mj-section><mj-raw><i>{{ recipient.name }}</i></mj-raw></mj-body></mjml>",
    "",
    is_mjml=True,
)
RESOURCES = Resources(layouts={layout.key: layout for layout in (LAYOUT, MJML_LAYOUT)})


@pytest.fixture
def compiled(make_email_step: MakeStep) -> Callable[..., CompiledEmail]:
    def make(overrides: Overrides | None = None, resources: Resources = RESOURCES, **template: Any) -> CompiledEmail:
        return compile_email(make_email_step(overrides, **template), resources)

    return make


@pytest.fixture
def context_of(make_context: Callable[..., StepContext], make_scope: MakeScope) -> Callable[..., StepContext]:
    def make(unsubscribe_url: str = "", **scope: Any) -> StepContext:
        return make_context(scope=make_scope(**scope), unsubscribe_url=unsubscribe_url)

    return make


@pytest.fixture
def render(compiled: Callable[..., CompiledEmail], context_of: Callable[..., StepContext]) -> Render:
    """An e-mail of that template, layout `default` only where it is asked for."""

    def make(
        overrides: Overrides | None = None, scope: dict[str, Any] | None = None, sender: str = "", **template: Any
    ) -> Email:
        context, channel = context_of(**(scope or {})), ChannelView("ch_1", "email", "email", "smtp", sender)
        email = compiled(overrides, **template)
        return email.render(context, channel, *email.addresses(context, channel))

    return make


def test_a_plain_step_becomes_an_email(render: Render) -> None:
    template = {"subject": "Hi {{ recipient.name }}", "html_body": "<p>{{ page_name }}</p>"}
    email = render(scope={"data": {"page_name": "Tom & Jerry"}}, **template)
    assert email == Email(to="jane@example.com", subject="Hi Jane", html="<p>Tom &amp; Jerry</p>", text="Tom & Jerry")


def test_every_override_is_rendered(render: Render) -> None:
    overrides = Overrides(
        to_address="{{ data.to }}",
        from_address="{{ tenant.id }}@example.com",
        from_name="{{ tenant.name }}",
        cc_address="cc@example.com, {{ data.to }}",
        bcc_address="bcc@example.com",
        reply_to_address="{{ nothing }}",
        link_tracking=True,
    )
    email = render(overrides, {"data": {"to": "ann@example.com"}, "tenant": {"id": "acme", "name": "Acme, Inc."}})
    assert email.to == "ann@example.com"
    assert email.sender == '"Acme, Inc." <acme@example.com>'
    assert (email.cc, email.bcc, email.reply_to) == ("cc@example.com, ann@example.com", "bcc@example.com", "")


@pytest.mark.parametrize(
    ("overrides", "sender"),
    [
        (Overrides(), "Doorbell <hello@doorbell.test>"),
        (Overrides(from_name="Ann"), "Ann <hello@doorbell.test>"),
        (Overrides(from_address="ann@example.com"), "Doorbell <ann@example.com>"),
    ],
)
def test_the_channels_sender_fills_what_the_step_leaves_open(overrides: Overrides, sender: str, render: Render) -> None:
    assert render(overrides, sender="Doorbell <hello@doorbell.test>").sender == sender


def test_no_variable_can_add_a_header(render: Render) -> None:
    names = ("to_address", "from_address", "from_name", "cc_address", "bcc_address", "reply_to_address")
    templates: dict[str, Any] = dict.fromkeys(names, "{{ evil }}")
    overrides = Overrides(**templates)
    email = render(overrides, {"data": {"evil": "a@example.com\r\nBcc: eve@example.com"}}, subject="{{ evil }}")
    headers = [email.to, email.sender, email.cc, email.bcc, email.reply_to, email.subject]
    assert all("\n" not in value and "\r" not in value for value in headers)
    assert email.subject == "a@example.com Bcc: eve@example.com"


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ({}, "recipient has no email address"),
        ({"email": None}, "recipient has no email address"),
        ({"email": ""}, "recipient has no email address"),
        ({"email": 5}, "recipient has no email address"),
        ({"email": " \n"}, "recipient has no email address"),
        ({"email": "a@example.com, b@example.com"}, "recipient's email is not one address"),
    ],
)
def test_a_recipient_without_one_address_has_none(
    recipient: dict[str, Any],
    reason: str,
    compiled: Callable[..., CompiledEmail],
    context_of: Callable[..., StepContext],
) -> None:
    with pytest.raises(NoAddress) as caught:
        compiled().addresses(context_of(recipient=recipient), CHANNEL)
    assert str(caught.value) == reason


def test_the_recipients_own_address_cannot_add_a_header(
    compiled: Callable[..., CompiledEmail], context_of: Callable[..., StepContext]
) -> None:
    context = context_of(recipient={"email": "a@example.com\r\n"})
    assert compiled().addresses(context, CHANNEL) == ("a@example.com",)


def test_a_to_address_may_be_several_and_is_one_message(
    compiled: Callable[..., CompiledEmail], context_of: Callable[..., StepContext]
) -> None:
    email = compiled(Overrides(to_address="a@example.com, {{ data.to }}"))
    context = context_of(recipient={}, data={"to": "b@example.com"})
    assert email.addresses(context, CHANNEL) == ("a@example.com, b@example.com",)


def test_a_to_address_that_renders_to_nothing_is_none(
    compiled: Callable[..., CompiledEmail], context_of: Callable[..., StepContext]
) -> None:
    with pytest.raises(NoAddress, match=r"^recipient has no email address$"):
        compiled(Overrides(to_address="{{ data.to }}")).addresses(context_of(), CHANNEL)


def test_json_overrides_are_rendered_and_read(render: Render) -> None:
    overrides = Overrides(json_overrides='{"headers": {"X-Id": {{ data.id | json }}}, "n": 1}')
    assert render(overrides, {"data": {"id": 'a"b'}}).overrides == {"headers": {"X-Id": 'a"b'}, "n": 1}
    assert render(Overrides(json_overrides="{% if data.id %}{}{% endif %}")).overrides == {}


@pytest.mark.parametrize("source", ["[1]", "{", '"x"', '{"a": NaN}'])
def test_json_overrides_that_are_no_object_fail_the_step(source: str, render: Render) -> None:
    with pytest.raises(StepFailed, match="email_1/channel_overrides/json_overrides"):
        render(Overrides(json_overrides=source))


def test_a_commercial_email_can_be_unsubscribed_from_with_one_click(render: Render) -> None:
    body = "[{{ vars.commercial_unsubscribe_url }}]"
    email = render(scope={"unsubscribe_url": "https://e.com/u/1?a&b"}, html_body=body, text_body=body)
    assert email.headers == {
        "List-Unsubscribe": "<https://e.com/u/1?a&b>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert (email.html, email.text) == ("[https://e.com/u/1?a&amp;b]", "[https://e.com/u/1?a&b]")


def test_another_email_cannot(render: Render) -> None:
    email = render(html_body="[{{ vars.commercial_unsubscribe_url }}]", scope={"vars": {"app_url": "x"}})
    assert (email.headers, email.html) == ({}, "[]")


def test_attachments_are_taken_from_the_key_that_the_template_names(render: Render) -> None:
    given = {"name": "a.txt", "content_type": "text/plain", "content": "eA=="}
    email = render(scope={"data": {"files": [given]}}, attachment_key="files")
    assert email.attachments == (Attachment("a.txt", "text/plain", "eA=="),)
    assert render(scope={"data": {"files": [given]}}).attachments == ()


def test_subject_and_text_are_not_escaped(render: Render) -> None:
    email = render(scope={"data": {"x": "Tom & 'Jerry'"}}, subject="{{ x }}", text_body="{{ x }}", html_body="{{ x }}")
    assert (email.subject, email.text) == ("Tom & 'Jerry'", "Tom & 'Jerry'")
    assert email.html == "Tom &amp; &#39;Jerry&#39;"


def test_blocks_stand_below_each_other(render: Render) -> None:
    email = render(blocks=(MarkdownBlock("*Hi* {{ recipient.name }}"), HtmlBlock("<b>below</b>")))
    assert email.html.index("<em>Hi</em> Jane") < email.html.index("<b>below</b>")
    assert email.text == "Hi Jane\n\nbelow"


def test_what_a_block_assigns_the_later_ones_see(render: Render) -> None:
    blocks = (HtmlBlock("{% assign n = 1 %}"), MarkdownBlock("{{ n }}{% assign n = 2 %}"), HtmlBlock("{{ n }}"))
    assert render(blocks=blocks).text == "1\n\n2"


def test_the_layout_surrounds_both_parts(render: Render) -> None:
    email = render(html_body="<p>A & B</p>", layout_key="default")
    assert email.html == "<html>|<p>A & B</p></html>"
    assert email.text == "|A & B"


def test_pre_content_speaks_to_the_body_and_the_layout_and_stands_before_the_body(render: Render) -> None:
    pre_content = "{% assign preview_text = recipient.name %}\n<i>first</i>\n"
    body = "<p>{{ preview_text }} body</p>"
    email = render(
        scope={"recipient": {"email": "a@e.com", "name": "A & B"}},
        html_body=body,
        pre_content=pre_content,
        layout_key="default",
    )
    assert email.html == "<html>A &amp; B|<i>first</i><p>A &amp; B body</p></html>"
    assert email.text == "A & B|A & B body"


def test_pre_content_speaks_to_the_text_body_unescaped(render: Render) -> None:
    pre_content = "{% capture line %}{{ recipient.name }}!{% endcapture %}"
    scope = {"recipient": {"email": "a@e.com", "name": "A & B"}}
    email = render(scope=scope, html_body="{{ line }}", text_body="{{ line }}", pre_content=pre_content)
    assert (email.html, email.text) == ("A &amp; B!", "A & B!")


def test_the_layout_sees_what_the_body_assigns(render: Render) -> None:
    layout = Layout("default", "D", "{{ content }}[{{ price }}{{ note }}]", "{{ content }}[{{ price }}{{ note }}]")
    body = "{% assign price = data.cost %}{% capture note %}<b>&amp; {{ data.tax }}</b>{% endcapture %}x"
    resources = Resources(layouts={"default": layout})
    scope = {"data": {"cost": "<5>", "tax": "a & b"}}
    email = render(scope=scope, html_body=body, layout_key="default", resources=resources)
    assert email.html == "x[&lt;5&gt;<b>&amp; a &amp; b</b>]"
    assert email.text == "x[<5>& a & b]"
    email = render(scope=scope, html_body="x", text_body=body, layout_key="default", resources=resources)
    assert (email.html, email.text) == ("x[]", "x[<5><b>&amp; a & b</b>]")


def test_without_a_layout_pre_content_only_stands_before_the_body(render: Render) -> None:
    email = render(html_body="<!doctype html>", pre_content="\n{% assign a = 1 %}\n")
    assert email.html == "<!doctype html>"


def test_now_is_the_moment_of_the_context(render: Render) -> None:
    email = render(subject="{{ 'now' | date: '%d.%m.%Y' }} {{ now }}")
    assert email.subject == "02.03.2026 2026-03-02T09:30:00+00:00"


def test_templates_render_partials(render: Render) -> None:
    partials = {"hi": Partial("hi", "Hi", "html", "<i>{{ name }}</i>")}
    body = "{% render 'hi', name: recipient.name %}"
    email = render(html_body=body, resources=Resources(partials=partials))
    assert (email.html, email.text) == ("<i>Jane</i>", "Jane")


def test_the_brand_is_the_environments_the_layouts_and_the_tenants(render: Render) -> None:
    colors = "{{ vars.branding.primary_color }} {{ vars.branding.accent_color }} {{ vars.branding.logo_url }}"
    layout = Layout("default", "D", f"{colors}|{{{{ content }}}}", "", branding_overrides={"accent_color": "gold"})
    scope = {
        "vars": {"branding": {"primary_color": "red", "accent_color": "blue", "logo_url": "a.png"}},
        "tenant": {"id": "acme", "settings": {"branding": {"logo_url": "b.png", "primary_color": "red}x{"}}},
    }
    resources = Resources(layouts={"default": layout})
    email = render(scope=scope, html_body=colors, layout_key="default", resources=resources)
    assert email.html == "red gold b.png|red gold b.png"


def test_style_sheets_of_a_body_go_to_the_layouts_head(render: Render) -> None:
    layout = Layout("default", "D", "<html><head><title>T</title></head><body>{{ content }}</body></html>", "")
    resources = Resources(layouts={"default": layout})
    body = "<style>a { }</style><p>x</p><style>a { }</style>"
    email = render(html_body=body, layout_key="default", resources=resources)
    assert email.html == "<html><head>\n<style>a { }</style><title>T</title></head><body><p>x</p></body></html>"
    assert render(html_body=body).html == body
    blocks = render(blocks=(HtmlBlock(body),), layout_key="default", resources=resources).html
    head, _, rest = blocks.partition("</head>")
    assert ".block-markdown > :first-child { margin-top: 0; }" in head
    assert head.index(".block-markdown") < head.index("<style>a { }</style>") < head.index("<title>")
    assert "<style>" not in rest


def test_an_mjml_template_becomes_a_document(render: Render) -> None:
    source = "<mjml><mj-body><mj-section><mj-column>%s</mj-column></mj-section></mj-body></mjml>"
    body = source % '<mj-text>Hi {{ recipient.name }}</mj-text><mj-button href="{{ data.url }}">Go</mj-button>'
    scope = {"recipient": {"email": "a@e.com", "name": "<b>"}, "data": {"url": "https://e.com/?a=1&b=2"}}
    email = render(scope=scope, html_body=body, is_mjml=True)
    assert email.html.startswith("<!doctype html>")
    assert ">Hi &lt;b&gt;</div>" in email.html
    assert 'href="https://e.com/?a=1&amp;b=2"' in email.html
    assert email.text.split() == ["Hi", "<b>", "Go", "(https://e.com/?a=1&b=2)"]


def test_an_mjml_template_goes_into_an_mjml_layout(render: Render) -> None:
    body = '<mj-text>One</mj-text><p>loose <br></p><mj-button href="https://e.com">Go</mj-button>'
    email = render(html_body=body, is_mjml=True, layout_key="mjml")
    assert email.html.count("<html") == 1
    assert "color:#123456;" in email.html
    assert "<p>loose <br></p></div></td></tr>" in email.html
    assert "<i>Jane</i>" in email.html
    assert "<mj" not in email.html
    assert email.text.split() == ["One", "loose", "Go", "(https://e.com)"]


def test_blocks_and_html_go_into_an_mjml_layout(render: Render) -> None:
    html = HtmlBlock("<style>.x { }</style><p class=x>Unclosed <br> & loose")
    email = render(blocks=(MarkdownBlock("*Hi* {{ recipient.name }}"), html), layout_key="mjml")
    assert "<em>Hi</em> Jane" in email.html
    assert "<p class=x>Unclosed <br> & loose" in email.html
    assert email.html.index("<style>.x { }</style>") < email.html.index("</head>")
    assert 'class="block-row block-row--markdown-v1"' in email.html
    assert email.text == "Hi Jane\n\nUnclosed\n& loose"
    assert "<p>code</p>" in render(html_body="<p>code</p>", layout_key="mjml").html


def test_blocks_in_mjml_without_a_layout_are_a_document(render: Render) -> None:
    own = HtmlBlock("<mj-section><mj-column><mj-text>own</mj-text></mj-column></mj-section>")
    email = render(blocks=(MarkdownBlock("a"), MarkdownBlock("b"), own, MarkdownBlock("c")), is_mjml=True)
    assert email.html.startswith("<!doctype html>")
    assert email.html.count('class="mj-outlook-group-fix mj-column-per-100"') == 3
    places = [email.html.index(text) for text in ("<p>a</p>", "<p>b</p>", ">own</div>", "<p>c</p>")]
    assert places == sorted(places)
    assert email.text == "a\n\nb\n\nown\n\nc"


def test_an_mjml_template_needs_an_mjml_layout_or_none(compiled: Callable[..., CompiledEmail]) -> None:
    with pytest.raises(StepFailed, match="email_1 is MJML, and its layout `default` is not"):
        compiled(html_body="<mjml></mjml>", is_mjml=True, layout_key="default")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ({"html_body": "<mjml><p>no</p></mjml>"}, "email_1/html_body.mjml"),
        ({"html_body": "<mj-section>", "layout_key": "mjml"}, "email_1/html_body.mjml"),
        ({"html_body": "<mj-text>x</mj-text>", "layout_key": "broken"}, "layouts/broken/html_layout.mjml"),
        ({"blocks": (HtmlBlock("<mj-section>"),)}, "email_1/visual_blocks.json"),
    ],
)
def test_mjml_that_is_none_is_an_error_of_its_template(template: dict[str, Any], name: str, render: Render) -> None:
    broken = Layout("broken", "B", "<mjml><mj-body><mj-section>{{ content }}</mj-body></mjml>", "", is_mjml=True)
    resources = Resources(layouts={**RESOURCES.layouts, "broken": broken})
    with pytest.raises(TemplateError) as caught:
        render(is_mjml=True, resources=resources, **template)
    assert caught.value.name == name
    assert str(caught.value).startswith(f"{name}: is not valid MJML: ")


def test_the_text_of_an_mjml_email_may_be_written(render: Render) -> None:
    email = render(html_body="<mj-text>x</mj-text>", is_mjml=True, layout_key="mjml", text_body="written")
    assert email.text == "written"


def test_a_missing_layout_is_named(compiled: Callable[..., CompiledEmail]) -> None:
    with pytest.raises(StepFailed, match="email_1 uses the layout `gone`, which does not exist"):
        compiled(layout_key="gone")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ({"subject": "{{ x"}, "email_1/subject.txt"),
        ({"html_body": "{{ x"}, "email_1/html_body.html"),
        ({"html_body": "{{ x", "is_mjml": True}, "email_1/html_body.mjml"),
        ({"text_body": "{{ x"}, "email_1/text_body.txt"),
        ({"pre_content": "{{ x"}, "email_1/settings/pre_content.txt"),
        ({"blocks": (HtmlBlock(""), MarkdownBlock("{{ x"))}, "email_1/visual_blocks/2.content.md"),
    ],
)
def test_broken_liquid_is_named_like_its_file(
    template: dict[str, Any], name: str, compiled: Callable[..., CompiledEmail]
) -> None:
    with pytest.raises(TemplateError) as caught:
        compiled(**template)
    assert str(caught.value) == f"{name}, line 1, column 1: expected '}}}}', found end of file\n{{{{ x\n^"


@pytest.mark.parametrize("name", ["cc_address", "from_name", "json_overrides"])
def test_a_broken_override_is_named(name: str, compiled: Callable[..., CompiledEmail]) -> None:
    override: dict[str, Any] = {name: "{{ x"}
    with pytest.raises(TemplateError, match=rf"^email_1/channel_overrides/{name}, line 1"):
        compiled(Overrides(**override))


def test_one_compiled_email_serves_many_threads(
    compiled: Callable[..., CompiledEmail], context_of: Callable[..., StepContext]
) -> None:
    body = "{% assign n = data.n %}{% for i in (1..50) %}{% increment c %}{% endfor %}:{{ n }}"
    email = compiled(html_body=body, layout_key="default")
    with ThreadPoolExecutor(8) as pool:
        emails = list(pool.map(lambda n: email.render(context_of(data={"n": n}), CHANNEL, "a@e.com"), range(100)))
    counted = "".join(str(number) for number in range(50))
    assert [email.html for email in emails] == [f"<html>|{counted}:{n}</html>" for n in range(100)]
