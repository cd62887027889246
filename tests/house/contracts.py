"""Two kinds of wall that import-linter lacks: what a room may import, and who may import what lies behind a door."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, cast

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph

STANDARD_LIBRARY = "standard library"
LIBRARIES = "libraries"
HOUSE = "nanoscale_box"

Import = tuple[str, str]


def lies_in(module: str, place: str) -> bool:
    """Whether a module is the place, or lies inside it; a place may be a pattern, such as ``nanoscale_box.config*``."""
    return fnmatchcase(module, place) or fnmatchcase(module, f"{place}.*")


def allowed(module: str, may_import: list[str]) -> bool:
    """Whether a list of places covers a module; the two named families stand for whole worlds."""
    if any(lies_in(module, place) for place in may_import):
        return True
    if lies_in(module, HOUSE):
        return False
    family = STANDARD_LIBRARY if module in sys.stdlib_module_names else LIBRARIES
    return family in may_import


def outcome(offences: list[Import]) -> ContractCheck:
    """Kept when no import breaks the contract."""
    return ContractCheck(kept=not offences, metadata={"offences": sorted(offences)})


def render(check: ContractCheck) -> None:
    """One line per import that breaks a contract."""
    for importer, imported in check.metadata["offences"]:
        output.print_error(f"- {importer} -> {imported}", bold=False)
    output.new_line()


class OnlyContract(Contract):
    """A room imports itself, the version of the house, and what is listed."""

    type_name = "only"
    room = fields.StringField()
    may_import = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every import that leaves the room, held against the list."""
        room = str(self.room)
        may_import = [room, *cast("list[str]", self.may_import)]
        modules = [module for module in graph.modules if lies_in(module, room)]
        if not modules:
            raise ValueError(f"There is no room {room}.")
        return outcome(
            [
                (module, imported)
                for module in modules
                for imported in graph.find_modules_directly_imported_by(module)
                if imported != HOUSE and not allowed(imported, may_import)
            ]
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line per import that is not on the list."""
        render(check)


class DoorContract(Contract):
    """What lies behind a door, a library or a room, is imported through that door and nowhere else in the house."""

    type_name = "door"
    behind = fields.StringField()
    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every importer of what lies behind, held against the doors."""
        behind = str(self.behind)
        doors = [behind, *cast("list[str]", self.doors)]
        return outcome(
            [
                (importer, imported)
                for imported in graph.modules
                if lies_in(imported, behind)
                for importer in graph.find_modules_that_directly_import(imported)
                if not any(lies_in(importer, door) for door in doors)
            ]
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line per importer that is no door."""
        render(check)
