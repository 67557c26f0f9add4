"""Buttons of the visual editor, as tables: the cell carries colour and border, so that Outlook draws them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, NamedTuple, Self

from workflows.email.markup import anchor, color, link_target
from workflows.email.rows import TABLE, RenderedBlock, row
from workflows.liquid.environment import Template, compile_template
from workflows.templates import Button, ButtonSetBlock, Resources

Variables = Mapping[str, Any]

# Font size, line height and padding in pixels. `sm` is published (see rows.py), the others follow from it.
_SIZES = {"sm": ("14px", "20px", "4px 8px"), "md": ("16px", "24px", "8px 16px"), "lg": ("18px", "28px", "12px 24px")}
_BLACK, _WHITE = "#000000", "#FFFFFF"


class _Rendered(NamedTuple):
    label: str
    target: str
    cell: str
    is_fullwidth: bool


@dataclass(frozen=True, slots=True)
class _Colors:
    background: str
    border: str
    text: str


@dataclass(frozen=True, slots=True)
class CompiledButton:
    button: Button
    label: Template
    action: Template
    background: Template
    border: Template
    text: Template

    @classmethod
    def compile(cls, button: Button, name: str, resources: Resources) -> Self:
        def text(source: str | None, field: str) -> Template:
            return compile_template(source or "", name=f"{name}.{field}", resources=resources)

        return cls(
            button,
            text(button.label, "label"),
            text(button.action, "action"),
            text(button.background_color, "background_color"),
            text(button.border_color, "border_color"),
            text(button.text_color, "text_color"),
        )

    def render(self, variables: Variables) -> _Rendered:
        label = " ".join(self.label.render(variables).split())
        target = link_target(self.action.render(variables))
        return _Rendered(label, target, self._cell(label, target, self._colors(variables)), self.button.is_fullwidth)

    def _colors(self, variables: Variables) -> _Colors:
        """What is not given or no colour is the brand's, and without a brand black on white or white on black."""
        primary = color("primary_color", variables) or _BLACK
        contrast = color("primary_color_contrast", variables) or _WHITE
        solid = self.button.variant == "solid"
        background = color(self.background.render(variables), variables) or (primary if solid else "transparent")
        border = color(self.border.render(variables), variables) or (background if solid else primary)
        text = color(self.text.render(variables), variables) or (contrast if solid else primary)
        return _Colors(background, border, text)

    def _cell(self, label: str, target: str, colors: _Colors) -> str:
        font, line, padding = _SIZES[self.button.size]
        radius = 6 if self.button.border_radius is None else self.button.border_radius
        width = (
            (0 if self.button.variant == "solid" else 1)
            if self.button.border_width is None
            else self.button.border_width
        )
        display = "block" if self.button.is_fullwidth else "inline-block"
        filled = f' bgcolor="{escape(colors.background)}"' if colors.background != "transparent" else ""
        style = (
            f"display:{display};box-sizing:border-box;min-width:32px;padding:{padding};border-radius:{radius}px;"
            f"background-color:{colors.background};color:{colors.text};font-size:{font};line-height:{line};"
            "text-align:center;text-decoration:none;-webkit-text-size-adjust:none;mso-padding-alt:0"
        )
        classes = f"block-button block-button--{self.button.variant} block-button--{self.button.size}"
        return (
            f'<td align="center" valign="middle"{filled} style="border:{width}px solid {colors.border};'
            f'border-radius:{radius}px;background-color:{colors.background};mso-padding-alt:{padding}">'
            + anchor(target, escape(label), f' class="{classes}" style="{style}"')
            + "</td>"
        )


def compile_button_set(block: ButtonSetBlock, name: str, resources: Resources) -> Callable[[Variables], RenderedBlock]:
    """Buttons stand beside each other; one of full width has a line of its own. Raises `TemplateError`."""
    numbered = enumerate(block.buttons, start=1)
    buttons = [CompiledButton.compile(button, f"{name}.buttons/{number}", resources) for number, button in numbered]

    def render(variables: Variables) -> RenderedBlock:
        rendered = [button.render(variables) for button in buttons]
        lines = (
            f'<div style="height:{block.column_gap}px;line-height:{block.column_gap}px;font-size:0">&nbsp;</div>'.join(
                _line(line, block.column_gap) for line in _lines(rendered)
            )
        )
        reading = "".join(f"<div>{anchor(each.target, escape(each.label))}</div>" for each in rendered)
        return RenderedBlock(row("button_set", lines, block.padding, block.align), reading, {})

    return render


def _lines(buttons: Iterable[_Rendered]) -> Iterator[list[_Rendered]]:
    for is_fullwidth, group in groupby(buttons, lambda each: each.is_fullwidth):
        if is_fullwidth:
            yield from ([each] for each in group)
        else:
            yield list(group)


def _line(buttons: list[_Rendered], gap: int) -> str:
    width = ' width="100%"' if buttons[0].is_fullwidth else ""
    separate = f"<table{width} {TABLE}><tr>"
    if len(buttons) == 1:
        return f"{separate}{buttons[0].cell}</tr></table>"
    space = f'<td width="{gap}" style="width:{gap}px;font-size:0;line-height:0">&nbsp;</td>'
    return separate + space.join(each.cell for each in buttons) + "</tr></table>"
