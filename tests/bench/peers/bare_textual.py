"""A Textual app that shows a table of two hundred rows and does nothing else."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class Bare(App[None]):
    """The table."""

    def compose(self) -> ComposeResult:
        """Make it."""
        yield DataTable()

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one(DataTable)
        table.add_columns("name", "branch")
        for number in range(1, 201):
            table.add_row(f"app-{number:05d}", "main")


if __name__ == "__main__":
    Bare().run()
