"""How the connection's parts are listed: accounts with what the box may do there, and webhooks with their last push."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain, tone_of
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.words import ago, clock, short, state
from nanoscale_box.wire import shapes

_ADDS: Final = {
    "contents": "the box could fetch the code",
    "metadata": "the box could see which repositories there are",
    "repository_hooks": "GitHub would tell the box of pushes at once; until then it looks by itself",
    "webhooks": "GitHub would tell the box of pushes at once; until then it looks by itself",
    "statuses": "commits on GitHub would show whether they are live, and waiting for CI would see them",
    "deployments": "GitHub would list the deployments",
    "checks": "deployments could wait for CI",
    "emails": "the box would know your address on GitHub; it is optional",
}
_HOOKS: Final = {
    "missing": "✕ missing",
    "inactive": "▲ inactive",
    "old_url": "▲ old address",
    "foreign": "▲ somebody else's",
    "denied": "✕ denied",
    "unreachable": "▲ not asked",
    "off": "· off",
}
ORDERLY: Final = frozenset({"ok", "off"})


def account_columns() -> list[Column[shapes.Installation]]:
    """The columns."""

    def stands(one: shapes.Installation) -> Content:
        if one.suspended:
            return plain("▲ suspended", Tone.WARN)
        if one.missing_permissions:
            return plain("▲ lacks rights", Tone.WARN)
        return plain(state("ok"), Tone.GOOD)

    def scope(one: shapes.Installation) -> Content:
        return plain("all repositories" if one.repository_selection == "all" else "selected repositories")

    return [
        Column(title="State", cell=stands, least=6, most=14),
        Column(title="Account", cell=lambda one: plain(one.account_login, Tone.STRONG), least=10, most=30),
        Column(title="May read", cell=scope, least=16, most=21),
        Column(title="Kind", cell=lambda one: plain(one.account_type.lower(), Tone.DIM), least=4, grow=1),
    ]


def account_words(one: shapes.Installation) -> Content:
    """An account in full: what is missing, and what it would add."""
    if one.suspended:
        return plain("▲ suspended: lift that on GitHub; until then nothing of it is deployed", Tone.WARN)
    if not one.missing_permissions:
        return plain("The box may do all it asks for. Which repositories it may read is chosen on GitHub.", Tone.DIM)
    lines = [
        join(plain(f"▲ may not yet: {missing}", Tone.WARN), plain(_adds(missing), Tone.DIM))
        for missing in one.missing_permissions
    ]
    return Content("\n").join([*lines, plain("Grant it on GitHub, at the App's page of this account.", Tone.DIM)])


def hook_columns(desk: Desk) -> list[Column[shapes.Hook]]:
    """The columns."""

    def stands(one: shapes.Hook) -> Content:
        word = hook_word(one)
        return plain(word, tone_of(word))

    def pushed(one: shapes.Hook) -> Content:
        last = last_delivery(desk, one)
        return plain(f"{last.outcome} {ago(last.at, desk.now())}" if last else "", Tone.DIM)

    return [
        Column(title="State", cell=stands, least=6, most=18),
        Column(title="Webhook of", cell=lambda one: plain(one.full_name or "the App itself"), least=14, most=40),
        Column(title="Last push", cell=pushed, least=12, most=24),
        Column(title="", cell=lambda one: plain(one.detail, Tone.DIM), least=10, grow=1, above=80),
    ]


def hook_word(one: shapes.Hook) -> str:
    """How it stands, as a glyph and a word."""
    return state("ok") if one.state == "ok" else _HOOKS.get(one.state, f"▲ {one.state}")


def hook_words(desk: Desk, one: shapes.Hook) -> Content:
    """A webhook in full: where it leads, what is wrong with it, and what became of the last delivery."""
    url = plain(one.url or "leads nowhere", Tone.LINK, limit=120)
    lines = [join(url, plain(f"  {one.detail or ''}", Tone.WARN, limit=120))]
    if last := last_delivery(desk, one):
        what = f"{last.outcome} {clock(last.at)}: {last.reason}"
        lines.append(join(plain(f"last delivery {last.delivery_id} ({short(last.sha)}) ", Tone.DIM), plain(what)))
    if one.state not in ORDERLY:
        lines.insert(0, keyed("*R* repairs what is not in order."))
    return Content("\n").join(lines)


def last_delivery(desk: Desk, hook: shapes.Hook) -> shapes.Verdict | None:
    """The newest verdict on what came in by this hook, as far as it is among the recent ones."""
    wanted = set(hook.project_ids)
    return next((one for one in desk.model.verdicts if one.delivery_id and one.project_id in wanted), None)


def _adds(missing: str) -> str:
    told = _ADDS.get(missing.partition(":")[0].strip().lower())
    return f"; with it {told}" if told else ""
