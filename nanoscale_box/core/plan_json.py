"""A plan as JSON values and back, so that a kept release can be started again as it was."""

from __future__ import annotations

import msgspec

from nanoscale_box.core.plan_model import Plan


def plan_to_json(plan: Plan) -> dict[str, object]:
    """Give the plan as a JSON object."""
    values: dict[str, object] = msgspec.to_builtins(plan)
    return values


def plan_from_json(values: object) -> Plan:
    """Give back what `plan_to_json` was given. Raises `msgspec.ValidationError` (a `ValueError`) on anything else."""
    return msgspec.convert(values, Plan)
