"""How deployments are listed, and how one is told in full."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain, tone_of
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.gauges import gauges
from nanoscale_box.tui.words import (
    CANCELLABLE,
    GLYPHS,
    ago,
    commit,
    lasted,
    linked,
    notes,
    project_word,
    short,
    state,
    took,
    trigger,
)
from nanoscale_box.wire import shapes
from nanoscale_box.wire.usage import Usage


def deployment_columns(desk: Desk) -> list[Column[shapes.Deployment]]:
    """The columns."""
    now = desk.now

    def stands(one: shapes.Deployment) -> Content:
        word = state(one.state)
        return plain(word, tone_of(word))

    def when(one: shapes.Deployment) -> Content:
        return plain(ago(one.finished_at or one.queued_at, now()), Tone.DIM)

    def what(one: shapes.Deployment) -> Content:
        return join(plain(short(one.sha), Tone.DIM), " ", plain(one.subject))

    return [
        Column(title="#", cell=lambda one: plain(f"#{one.number}", Tone.STRONG), least=3, most=6),
        Column(title="State", cell=stands, least=6, most=12),
        Column(title="Commit", cell=what, least=14, grow=2),
        Column(title="Author", cell=lambda one: plain(one.author), least=6, most=14, above=70),
        Column(title="By", cell=lambda one: plain(trigger(one.trigger), Tone.DIM), least=4, most=8, above=55),
        Column(title="Took", cell=lambda one: plain(took(one, now()), Tone.DIM), least=7, most=11, above=60),
        Column(
            title="When",
            cell=when,
            least=5,
            most=10,
        ),
    ]


def deployment_words(one: shapes.Deployment) -> str:
    """What a filter looks at."""
    error = one.error.detail if one.error else ""
    return f"#{one.number} {one.state} {commit(one)} {one.sha or ''} {one.author or ''} {one.trigger} {error}"


def overview(project: shapes.Project, now: datetime, usage: Usage | None = None) -> Content:
    """What runs, from where, what it takes, and what needs the owner's eye."""
    word = state(project_word(project))
    source = project.github.full_name if project.github else (project.repo_url or "")
    private = plain(" private", Tone.DIM) if project.github and project.github.is_private else ""
    dot = plain("  ·  ", Tone.DIM)
    first = join(plain(word, tone_of(word)), dot, plain(project.url, Tone.LINK), dot, plain(source), private)
    live = project.live
    if live is None:
        runs = plain("nothing runs yet", Tone.DIM)
    else:
        since = f", {ago(live.finished_at, now)} in {took(live, now)}"
        runs = join(plain(f"#{live.number} ", Tone.STRONG), plain(commit(live)), plain(since, Tone.DIM))
    second = join(plain(project.branch, Tone.STRONG), dot, runs)
    lines = [first, second, gauges(usage, project.memory_mb)]
    if told := notes(project):
        resume = keyed(" · *r* resumes") if project.paused else ""
        lines.append(join(plain("▲ ", Tone.WARN), plain(" · ".join(told)), resume))
    return Content("\n").join([line for line in lines if line])


def outcome(one: shapes.Deployment, now: datetime) -> Content:
    """The steps of a deployment with their durations, then why it failed or what it waits for."""
    dot = "  "
    steps = [
        join(plain(GLYPHS.get(step.state, "·"), tone_of(GLYPHS.get(step.state, "·"))), " ", plain(_step(step)))
        for step in one.steps
    ]
    head = join(plain(f"#{one.number} ", Tone.STRONG), Content(dot).join(steps))
    if one.error is not None:
        detail, hint = one.error.detail, one.error.hint
        told = plain(f"✕ {linked(detail) if hint else detail}", Tone.BAD)
        return join(head, "\n", told, plain(hint or "", Tone.DIM))
    if one.state == "superseded":
        return join(head, plain("a newer push took its place", Tone.DIM))
    if one.state == "queued":
        due = max(0.0, (one.due_at - now).total_seconds())
        return join(head, plain(f"begins in {lasted(due)}" if due else "waits its turn", Tone.DIM))
    if one.state in CANCELLABLE:
        return join(head, keyed("   *c* cancels"))
    return head


def what_changes(project: shapes.Project, target: shapes.Deployment | None, now: datetime) -> Content:
    """What a roll-back does: from which commit to which, and what stays as it is."""
    live = project.live
    if target is None:
        goes = Content("the release before the one that runs")
    else:
        built = f" (built {ago(target.finished_at, now)})"
        goes = join(plain(f"#{target.number} {commit(target)}", Tone.STRONG), plain(built, Tone.DIM))
    runs = plain(f"#{live.number} {commit(live)}" if live else "nothing", Tone.STRONG)
    return Content("\n").join(
        [
            join("runs now   ", runs),
            join("goes to    ", goes),
            join("variables  ", Content("as they were when it was built")),
            join("stays      ", Content("the app's own data")),
            Content(""),
            keyed("It starts again without a build. Pushes are noted, not deployed, until *r* resumes them."),
        ]
    )


def _step(step: shapes.Step) -> str:
    return step.name if step.duration_ms is None else f"{step.name} {lasted(step.duration_ms / 1000)}"
