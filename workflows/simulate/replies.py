"""What other machines answer in a simulation: responses that the stream gives, used up in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from workflows.effects import AskModel, HttpCall, HttpReply, ModelReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """To a call of that method and URL (`*` stands for anything), or to a prompt of that `model`.

    From the time `at` on, once or whenever it `repeats`. With an `error` there is no answer; `times_out` says that asking
    again may help.
    """

    at: datetime
    method: str = "GET"
    url: str = ""
    model: str = ""
    status: int = 200
    text: str = ""
    error: str = ""
    times_out: bool = False
    repeats: bool = False


Meant = Callable[[Response], bool]


class Replies:
    def __init__(self, responses: Sequence[Response]) -> None:
        self._left = list(responses)

    def answer(self, call: HttpCall | AskModel, now: datetime) -> HttpReply | ModelReply:
        """The first response left that is meant for the call; without one, an error that says so."""
        if isinstance(call, AskModel):
            found = self._take(lambda each: fnmatchcase(call.model, each.model), now)
            if found is None:
                return ModelReply(error=f"no response is given for the model {call.model}", is_final=True)
            return ModelReply(found.text, found.error, is_final=bool(found.error) and not found.times_out)
        found = self._take(lambda each: each.method == call.method and fnmatchcase(call.url, each.url), now)
        if found is None:
            return HttpReply(0, error=f"no response is given for {call.method} {call.url}")
        if found.error:
            return HttpReply(0, error=found.error, is_timeout=found.times_out)
        return HttpReply(found.status, found.text)

    def _take(self, is_meant: Meant, now: datetime) -> Response | None:
        for index, each in enumerate(self._left):
            if each.at <= now and is_meant(each):
                return each if each.repeats else self._left.pop(index)
        return None
