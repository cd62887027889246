"""What the owner says of a plan, beside what the box found: only what differs is told, the rest stays detected."""

from __future__ import annotations

from typing import Final

from nanoscale_box.core.text import inert
from nanoscale_box.wire import shapes

# Of these an empty text means "none"; of all others it means "as the box finds".
_MAY_BE_NONE: Final = frozenset({"install_command", "build_command", "run_command"})
_LONGEST: Final = 10_000


class Draft:
    """Of one project that is not made yet. Fields are those of `CreateProject`."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.plan: shapes.PlanPreview | None = None
        """The last one that was found for this source; None before the box looked, and when it found none."""
        self._source: object = None
        self._found: dict[str, str] = {}
        self._typed: dict[str, str] = {}
        self._looked: dict[str, str] = {}

    def about(self, source: object) -> None:
        """It is about this source now: what was found for another one does not count, what was typed stays."""
        if source != self._source:
            self._source, self._found, self.plan = source, {}, None

    def value(self, field: str) -> str:
        """What stands in a field."""
        return self.found(field) if self.in_file(field) else self._typed.get(field, self.found(field))

    def found(self, field: str) -> str:
        """What the box would do by itself; empty when that is nothing, or not known."""
        return self._found.get(field, "")

    def in_file(self, field: str) -> bool:
        """Whether the repository's own file decides it."""
        return self.plan is not None and field in self.plan.in_file

    def changed(self, field: str) -> bool:
        """Whether the owner says something else than the box found."""
        return field in self._typed and not self.in_file(field)

    def hold(self, field: str, text: str) -> None:
        """Keep what was typed."""
        same = text == self.found(field) or (not text and field not in _MAY_BE_NONE)
        if same:
            self._typed.pop(field, None)
        else:
            self._typed[field] = text

    def told(self) -> dict[str, str]:
        """What the box is told of it."""
        return {field: text for field, text in self._typed.items() if not self.in_file(field)}

    def take(self, plan: shapes.PlanPreview, told: dict[str, str]) -> None:
        """Take in what the box found when it was `told` this."""
        self.plan, self._looked = plan, told
        known = {field: self._found[field] for field in told if field in self._found and field not in plan.in_file}
        seen = {field: text for field, text in found_in(plan).items() if field not in told or field in plan.in_file}
        self._found = known | seen
        self._typed = {field: text for field, text in self._typed.items() if self._found.get(field) != text}

    def lost(self) -> None:
        """The box found no plan."""
        self.plan = None

    @property
    def ready(self) -> bool:
        """Whether the box looked where the app lies now; commands may have changed since."""
        root = "root_directory"
        return self.plan is not None and self._looked.get(root) == self.told().get(root)

    @property
    def fresh(self) -> bool:
        """Whether the plan is of all that is told now."""
        return self.plan is not None and self._looked == self.told()


def found_in(plan: shapes.PlanPreview) -> dict[str, str]:
    """A plan by the fields that would change it. Several commands of one step run one after the other."""
    steps: dict[str, list[str]] = {}
    for one in plan.commands:
        steps.setdefault(f"{one.name}_command", []).append(one.command)
    found = {field: " && ".join(commands) for field, commands in steps.items()}
    found |= {"output_directory": plan.output_directory or "", "health_path": plan.health_path}
    return {field: inert(text, limit=_LONGEST) for field, text in found.items()}
