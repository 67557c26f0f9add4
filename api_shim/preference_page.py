"""The hosted preference centre as HTML: a form that works without JavaScript, in the brand's colours, light and dark.

Everything that anybody wrote is escaped; colours are checked (`workflows/branding.py`) before they get into the style sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from pydantic_core import to_json

from notify_workers.preference_center import Page
from workflows.preference_center import Row, Switch

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style nonce="{nonce}">
{style}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

STYLE = """
:root {
  --accent: #2f6fed; --on-accent: #fff;
  --ink: #1c2024; --soft: #60646c; --page: #f4f5f7; --card: #fff; --line: #e3e5e9; --off: #868c98;
  --good: #e8f5ec; --good-ink: #18633a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --accent: #6f9dff; --on-accent: #0b1020;
    --ink: #eceef2; --soft: #a2a8b4; --page: #111317; --card: #1a1d23; --line: #2c3038; --off: #747b89;
    --good: #16301f; --good-ink: #9be0b5;
  }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 0; }
body { color: var(--ink); background: var(--page); }
main { max-width: 34rem; margin: 0 auto; padding: clamp(1.5rem, 6vh, 4rem) 1rem 4rem; }
header { margin: 0 .25rem 1.5rem; }
.logo { display: block; max-height: 2.5rem; max-width: 12rem; margin-bottom: 1.25rem; }
.account { color: var(--soft); font-size: .875rem; margin: 0 0 .25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; margin: 0 0 .375rem; text-wrap: balance; }
p { margin: 0; }
header p, .hint { color: var(--soft); }
.hint { font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; }
.row { margin: 0; padding: 1rem 1.25rem; border: 0; min-width: 0; }
.row + .row { border-top: 1px solid var(--line); }
legend { padding: 0; float: left; width: 100%; }
legend + * { clear: both; }
.name { font-weight: 600; overflow-wrap: anywhere; }
label { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 2.75rem; cursor: pointer; }
fieldset label { padding-top: .125rem; }
fieldset .switches { padding-top: .375rem; }
.text { min-width: 0; overflow-wrap: anywhere; }
input[type=checkbox] {
  appearance: none; flex: none; width: 2.75rem; height: 1.625rem; margin: 0; border-radius: 1rem; background: var(--off);
  position: relative; cursor: pointer; transition: background .15s;
}
input[type=checkbox]::after {
  content: ""; position: absolute; top: 3px; left: 3px; width: 1.25rem; height: 1.25rem; border-radius: 50%; background: #fff;
  box-shadow: 0 1px 2px rgb(0 0 0 / .25); transition: transform .15s;
}
input[type=checkbox]:checked { background: var(--accent); }
input[type=checkbox]:checked::after { transform: translateX(1.125rem); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
button {
  font: inherit; font-weight: 600; width: 100%; margin-top: 1.25rem; padding: .8rem 1.25rem; border: 0; border-radius: 12px;
  background: var(--accent); color: var(--on-accent); cursor: pointer;
}
button:hover { filter: brightness(1.06); }
.saved { background: var(--good); color: var(--good-ink); border-radius: 12px; font-weight: 600; }
.saved { padding: .75rem 1.25rem; margin-bottom: 1rem; }
.alone { padding: 2rem; margin-top: 10vh; }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) {
  input[type=checkbox] { appearance: auto; width: 1.25rem; height: 1.25rem; }
  input[type=checkbox]::after { content: none; }
}
""".strip()

SAVED = '<p class="saved" role="status">Your preferences are saved.</p>'
UNKNOWN = """<div class="card alone"><h1>This link does not work any more</h1>
<p class="hint">Please use the link in the newest message that you have got.</p></div>"""


def page_html(page: Page, nonce: str, *, saved: bool) -> str:
    form = f"""<form method="post">
<div class="card">
{"".join(_row(row, number) for number, row in enumerate(page.rows))}</div>
<button>Save preferences</button>
</form>"""
    body = f"{_head(page)}{SAVED if saved else ''}{form if page.rows else EMPTY}"
    return HTML.format(title=escape(page.title), nonce=nonce, style=STYLE + _colors(page.brand.branding), body=body)


EMPTY = '<div class="card"><p class="row hint">There is nothing to choose yet.</p></div>'


def unknown_html(nonce: str) -> str:
    return HTML.format(title="This link does not work any more", nonce=nonce, style=STYLE, body=UNKNOWN)


def _head(page: Page) -> str:
    name = page.brand.account_name if page.shows_account_name else None
    account = f'<p class="account">{escape(name)}</p>' if name else ""
    email = f'<p class="hint">For {escape(page.email)}</p>' if page.email else ""
    return f"<header>{_logo(page)}{account}<h1>{escape(page.title)}</h1><p>{escape(page.body)}</p>{email}</header>"


def _logo(page: Page) -> str:
    light, dark = (_web(page.brand.branding.get(name)) for name in ("logo_url", "dark_logo_url"))
    if not light:
        return ""
    image = f'<img class="logo" src="{light}" alt="{escape(page.brand.account_name or "")}">'
    source = f'<source srcset="{dark}" media="(prefers-color-scheme: dark)">' if dark else ""
    return f"<picture>{source}{image}</picture>"


def _web(value: object) -> str:
    """An address of an image as it stands in an attribute; empty for what is none."""
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        return ""
    return escape(value.replace(" ", "%20").replace(",", "%2C"))


def _colors(branding: Mapping[str, Any]) -> str:
    light = _declared(branding.get("primary_color"), branding.get("primary_color_contrast"))
    dark = _declared(branding.get("dark_primary_color"), branding.get("dark_primary_color_contrast")) or light
    return (
        f"\n:root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}" if light or dark else ""
    )


def _declared(color: object, contrast: object) -> str:
    return f"--accent: {color}; --on-accent: {contrast or '#fff'};" if color else ""


def _row(row: Row, number: int) -> str:
    hint = f'<span class="hint">{escape(row.description)}</span>' if row.description else ""
    (first, *others) = row.switches
    if not others and first.label == row.name:
        described = f"{hint and '<br>'}{hint}"
        text = f'<span class="text"><span class="name">{escape(row.name)}</span>{described}</span>'
        return f'<div class="row"><label>{text}{_switch(first)}</label>{_was(first)}</div>\n'
    described = f' aria-describedby="hint-{number}"' if hint else ""
    shown = hint.replace("<span", f'<p id="hint-{number}"', 1).replace("</span>", "</p>") if hint else ""
    return (
        f'<fieldset class="row"{described}><legend class="name">{escape(row.name)}</legend>{shown}'
        f'<div class="switches">{"".join(_labelled(row.switches))}</div></fieldset>\n'
    )


def _labelled(switches: tuple[Switch, ...]) -> Iterator[str]:
    for each in switches:
        yield f'<label><span class="text">{escape(each.label)}</span>{_switch(each)}</label>{_was(each)}'


def _switch(switch: Switch) -> str:
    checked = " checked" if switch.is_on else ""
    return f'<input type="checkbox" role="switch" name="on" value="{_written(switch)}"{checked}>'


def _was(switch: Switch) -> str:
    """How it stands now, so that only what is switched is written, whatever happens elsewhere in the meantime."""
    return f'<input type="hidden" name="was_{"on" if switch.is_on else "off"}" value="{_written(switch)}">'


def _written(switch: Switch) -> str:
    return escape(to_json(switch.path).decode())
