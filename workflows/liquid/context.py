"""The state of one rendering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TextIO

from liquid import BoundTemplate, RenderContext
from liquid.exceptions import UnknownFilterError
from liquid.output import LimitedStringIO
from liquid.token import Token
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from workflows.liquid.limits import OUTPUT_LIMIT, Budget
from workflows.liquid.translations import Table, Translations
from workflows.scope import ENTITIES


class Buffer(LimitedStringIO):
    """Output that is charged for; also `capture`'s, which may be thrown away and written again in every round."""

    def __init__(self, budget: Budget, limit: int = OUTPUT_LIMIT) -> None:
        super().__init__(limit)
        self.budget = budget

    def write(self, text: str) -> int:
        if len(text) > 255:
            self.budget.spend(len(text) >> 8)
        return super().write(text)


class Context(RenderContext):
    """What a template and its partials see and share.

    `variables` are the outermost template's, also inside of a partial, where the template itself does not see them:
    filters take from there what they need of the run ("now", the recipient's locale, the entities looked up).
    """

    __slots__ = ("budget", "entities", "translations", "variables")

    def __init__(self, template: BoundTemplate, variables: Mapping[str, object], translations: Translations) -> None:
        visible = dict(variables)
        self.entities: Mapping[tuple[str, str, str], Any] = visible.pop(ENTITIES, {})  # type: ignore[assignment]
        super().__init__(template, globals=visible)
        self.variables: Mapping[str, object] = visible
        self.translations = translations
        self.budget = Budget()
        self._hide_clock()

    def _hide_clock(self) -> None:
        """Without the library's `now` and `today`, which read the machine's clock."""
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def inside(self, template: BoundTemplate, variables: dict[str, object]) -> Context:
        """The context of a partial: of the template's variables it sees these alone, its limits are shared."""
        inner = Context(template, variables, self.translations)
        inner.variables, inner.entities, inner.budget = self.variables, self.entities, self.budget
        inner.local_namespace_size_carry = self.get_size_of_locals()
        inner.loop_iteration_carry = self.loop_iteration_carry
        for loop in self.loops:
            inner.loop_iteration_carry *= loop.length
        return inner

    @property
    def texts(self) -> Table:
        """The translations for the recipient and the tenant of this rendering."""
        return self.translations.table_for(self.variables)

    def spend(self, units: int) -> None:
        """Raises `WorkLimitReached`."""
        self.budget.spend(units)

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """A variable's value. Mentioning a long one costs as much as going through it, whatever is done with it."""
        value = super().get(path, token=token, default=default)
        if isinstance(value, str):
            if len(value) > 255:
                self.budget.spend(len(value) >> 8)
        elif isinstance(value, list | dict):
            self.budget.spend(len(value) >> 4)
        return value

    def assign(self, key: str, val: Any) -> None:
        self.budget.spend(len(self.locals) >> 2)  # the library adds up all of them each time
        super().assign(key, val)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """The filter, with this context as its first argument, whatever names the template gives to others."""
        if name not in self.env.filters:
            raise UnknownFilterError(f"unknown filter '{name}'", token=token)
        return partial(self.env.filters[name], self)

    def get_buffer(self, buf: TextIO | None = None) -> Buffer:
        written = buf.size if isinstance(buf, LimitedStringIO) else 0
        return Buffer(self.budget, OUTPUT_LIMIT - written)
