"""What can go wrong between a face and the box."""

from __future__ import annotations

from nanoscale_box.wire.shapes import Problem


class ApiError(Exception):
    """The box refused; the problem says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Unreachable(Exception):
    """No box answers; `sentence` says what was found instead, `hint` what to do."""

    code = "daemon_unreachable"

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
