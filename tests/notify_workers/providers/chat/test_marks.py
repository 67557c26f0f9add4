from __future__ import annotations

import pytest

from notify_workers.providers.chat.marks import MRKDWN, TELEGRAM, WHATSAPP, marked

TEXT = """# Hello *Jane* & co

**Bold**, _italic_, ~~gone~~, `a < b`, [docs](https://x.test/a?b=1&c=2) and <https://x.test>
next line

- one
- two
  1. deep

> said
> twice

```py
a < b
```"""


def test_slack_gets_mrkdwn() -> None:
    assert marked(TEXT, MRKDWN) == (
        "*Hello _Jane_ &amp; co*\n\n"
        "*Bold*, _italic_, ~gone~, `a &lt; b`, <https://x.test/a?b=1&amp;c=2|docs> and <https://x.test>\n"
        "next line\n\n"
        "• one\n• two\n    1. deep\n\n"
        "> said\n> twice\n\n"
        "```\na &lt; b\n```"
    )


def test_telegram_gets_its_html() -> None:
    assert marked(TEXT, TELEGRAM) == (
        "<b>Hello <i>Jane</i> &amp; co</b>\n\n"
        "<b>Bold</b>, <i>italic</i>, <s>gone</s>, <code>a &lt; b</code>, "
        '<a href="https://x.test/a?b=1&amp;c=2">docs</a> and <a href="https://x.test">https://x.test</a>\n'
        "next line\n\n"
        "• one\n• two\n    1. deep\n\n"
        "<blockquote>said\ntwice</blockquote>\n\n"
        "<pre>a &lt; b\n</pre>"
    )


def test_whatsapp_gets_its_own_marks() -> None:
    assert marked(TEXT, WHATSAPP).startswith(
        "*Hello _Jane_ & co*\n\n*Bold*, _italic_, ~gone~, `a < b`, docs (https://x.test/a?b=1&c=2) and https://x.test\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U012AB3CD> in <#C0123> for <!subteam^SAZ94GDB8>", "<@U012AB3CD> in <#C0123> for <!subteam^SAZ94GDB8>"),
        ("Hi <!channel> & <b>all</b>", "Hi &lt;!channel&gt; &amp; &lt;b&gt;all&lt;/b&gt;"),
        ("<div>\nraw\n</div>", "&lt;div&gt;\nraw\n&lt;/div&gt;"),
        ("![logo](https://x.test/a.png)", "<https://x.test/a.png|logo>"),
        ("3. three\n4. four\n\n---\n\nend", "3. three\n4. four\n\n———\n\nend"),
        ("", ""),
    ],
)
def test_slack_mentions_people_but_text_calls_nobody(text: str, expected: str) -> None:
    assert marked(text, MRKDWN) == expected
