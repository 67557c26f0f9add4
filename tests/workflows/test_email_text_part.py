import pytest

from workflows.email.text_part import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<p>Go to <a href="https://example.com/?a=1&amp;b=2">the page</a>.</p>',
            "Go to the page (https://example.com/?a=1&b=2).",
        ),
        ('<a href="https://example.com">https://example.com</a>', "https://example.com"),
        ('<a href="mailto:jane@example.com">jane@example.com</a>', "jane@example.com"),
        ('<a href="https://example.com"><img src="logo.png" alt="Logo"></a>', "[https://example.com]"),
        ('<a href="#top">up</a> <a name="x">here</a>', "up here"),
        ('<a href="https://example.com">the <b>bold</b>\n page</a>', "the bold page (https://example.com)"),
        ("<h1>Title</h1><p>One</p><p>Two<br>Three</p>", "Title\n\nOne\n\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "  * a\n  * b"),
        ("<div><div><div>deep</div></div></div>", "deep"),
        ("<table><tr><td>A</td><td>1</td></tr><tr><td>BB</td><td>2</td></tr></table>", "A   1\nBB  2"),
        ("<p>a&nbsp;&amp;&nbsp;b &lt;c&gt;</p>", "a & b <c>"),
        ("<style>p{}</style><script>x()</script><!-- no --><p>yes</p>", "yes"),
        ("<!doctype html><html><head><title>no</title></head><body>yes</body></html>", "yes"),
        ('<div style="display:none">no <a href="https://example.com">no</a></div>yes', "yes"),
        ("plain", "plain"),
        ("", ""),
        (" <!-- only --> ", ""),
    ],
)
def test_html_becomes_what_a_reader_sees(html: str, text: str) -> None:
    assert html_to_text(html).rstrip() == text


def test_there_are_no_trailing_spaces_and_no_runs_of_empty_lines() -> None:
    text = html_to_text("<p>a</p><p> </p><p></p><table><tr><td>b</td><td> </td></tr></table><p>&nbsp;</p><p>c</p>")
    assert not any(line.endswith(" ") for line in text.split("\n"))
    assert "\n\n\n" not in text


def test_private_use_characters_in_the_html_do_no_harm() -> None:
    assert html_to_text("<p>a\ue000b\ue001c\ue002d</p>") == "abcd"


@pytest.mark.parametrize("html", ["<p>a</p><hr><p>b</p>", "a<hr/>b", "<p>a</p><hr><hr>b", "<div>a<hr></div>b"])
def test_a_rule_is_a_line_of_its_own(html: str) -> None:
    assert html_to_text(html) == "a\n\n--------------------\n\nb"
