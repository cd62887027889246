"""What schemathesis is told of the box: which ids there are, which must outlive the asking, and that streams end.

It is loaded by schemathesis in a process of its own; `ASKING` names the file that says what there is, and `ANSWERS` the
one in which every answer is noted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import schemathesis

_noted: dict[str, dict[str, list[str]]] = json.loads(Path(os.environ["ASKING"]).read_text())
_answers = Path(os.environ["ANSWERS"])


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401 - as schemathesis has it
    """Lead what deletes away from what other questions are about, and let no stream go on for ever."""
    operation = case.operation
    if any(one["name"] == "follow" for one in operation.definition.raw["parameters"]):
        asked = (case.query or {}).get("follow", "true")
        if str(asked).lower() in {"true", "1"} or not asked:
            case.query = {**(case.query or {}), "follow": "false"}
    if operation.method.upper() == "DELETE":
        for name, value in (case.path_parameters or {}).items():
            if value in _noted["kept"].get(name, ()):
                case.path_parameters[name] = _noted["doomed"][name][0]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:  # noqa: ANN401 - as schemathesis has it
    """Note what was answered to what."""
    operation = case.operation.definition.raw["operationId"]
    with _answers.open("a") as answers:
        answers.write(f"{operation} {response.status_code}\n")
