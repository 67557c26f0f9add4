"""Everything that can be wrong with a workflow, its files or its templates."""

from __future__ import annotations

from dataclasses import dataclass


class WorkflowError(Exception):
    """Base of the language's errors; `code` is what the wire and the run log call it."""

    code = "workflow_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: where (`steps[0].settings.delay_for`), what stands there, what was expected.

    `value` is None when nothing stands there. `expected` reads on from the word "expected" and may have several lines.
    """

    path: str
    value: object
    expected: str

    def __str__(self) -> str:
        return f"{self.path or '(document)'}: found {_shortened(self.value)}, expected {self.expected}"


def _shortened(value: object, limit: int = 80) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class DocumentInvalid(WorkflowError):
    """A resource file does not say anything that can be run; carries every problem, not only the first."""

    code = "invalid_document"

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = problems
        lines = "\n".join("  " + str(problem).replace("\n", "\n    ") for problem in problems)
        super().__init__(f"{name} has {len(problems)} problem{'s' if len(problems) > 1 else ''}:\n{lines}")


class TemplateError(WorkflowError):
    """Liquid that does not parse or does not render.

    The message shows the template's name, line and column (both from 1), and the line itself with a caret under the
    place; `detail` is the same without the name. Without a known place `line` and `column` are None.
    """

    code = "template_error"

    def __init__(
        self, message: str, *, name: str, line: int | None = None, column: int | None = None, excerpt: str = ""
    ) -> None:
        place = f"line {line}, column {column}: " if line else ""
        self.detail = f"{place}{message}" + (f"\n{excerpt}" if excerpt else "")
        self.name = name
        self.line = line
        self.column = column
        super().__init__(f"{name}, {self.detail}" if line else f"{name}: {self.detail}")


class StepFailed(WorkflowError):
    """A step cannot do its work for a reason other than its template."""

    code = "step_failed"
