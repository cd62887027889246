"""How verdicts are listed: what became of each push, and why."""

from __future__ import annotations

from textual.content import Content

from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, plain, tone_of
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.words import ago, branch_of, short, state, trigger
from nanoscale_box.wire import shapes


def verdict_columns(desk: Desk, *, with_project: bool) -> list[Column[shapes.Verdict]]:
    """The columns, with the project's name where several are listed."""

    def became(one: shapes.Verdict) -> Content:
        word = state(one.outcome)
        return plain(word, tone_of(word))

    def what(one: shapes.Verdict) -> Content:
        return join(plain(branch_of(one.ref)), " ", plain(short(one.sha), Tone.DIM))

    name: Column[shapes.Verdict] = Column(
        title="Project", cell=lambda one: plain(desk.model.name_of(one.project_id), Tone.STRONG), least=7, most=20
    )
    return [
        Column(title="When", cell=lambda one: plain(ago(one.at, desk.now()), Tone.DIM), least=10),
        Column(title="Verdict", cell=became, least=8, most=12),
        *([name] if with_project else []),
        Column(title="By", cell=lambda one: plain(trigger(one.source), Tone.DIM), least=4, most=8, above=100),
        Column(title="Commit", cell=what, least=12, most=24, above=90),
        Column(title="Why", cell=lambda one: plain(one.reason), least=20, grow=1),
    ]


def verdict_words(one: shapes.Verdict) -> str:
    """What a filter looks at."""
    return f"{one.outcome} {one.source} {branch_of(one.ref)} {one.sha or ''} {one.reason}"
