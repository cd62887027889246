"""What concerns the box as a whole: session, doctor, tokens, audit, and the API's own description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from aiohttp import web

from nanoscale_box.core.secret import Secret
from nanoscale_box.core.tokens import Scope, TokenId
from nanoscale_box.engine.records import AuditFilter
from nanoscale_box.engine.sampling import KEPT
from nanoscale_box.web import answering, translate
from nanoscale_box.web.asking import Query, body_of
from nanoscale_box.web.callers import CALLER, VIA
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.services import Finding, Services
from nanoscale_box.wire import requests, routes, shapes
from nanoscale_box.wire.openapi import document
from nanoscale_box.wire.shapes import Doctor, NewToken, Page, Session


@dataclass(frozen=True, slots=True)
class Box:
    """What can be asked of the box itself."""

    services: Services

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        add = app.router.add_route
        add("GET", routes.SESSION, self.session)
        add("GET", routes.DOCTOR, self.doctor)
        add("POST", routes.DOCTOR_FIX, self.mend)
        add("GET", routes.USAGE, self.usage)
        add("POST", routes.DOWN, self.down)
        add("GET", routes.OPENAPI, self.openapi)
        add("GET", routes.TOKENS, self.tokens)
        add("POST", routes.TOKENS, self.create_token)
        add("DELETE", routes.TOKEN_BY_ID, self.revoke_token)
        add("GET", routes.KEYS, self.keys)
        add("POST", routes.KEYS_ROTATE, self.rotate_keys)
        add("POST", routes.BACKUP, self.backup)
        add("GET", routes.AUDIT, self.audit)
        add("GET", routes.AUDIT_CHECK, self.check_audit)

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Who the caller is."""
        Query(request)
        services = self.services
        return answering.answer(
            Session(user_id=services.owner_id, via=request[VIA], caller=request[CALLER], version=services.version)
        )

    async def doctor(self, request: web.Request) -> web.StreamResponse:
        """What the doctor found."""
        quick = Query(request, "quick").flag("quick", False)
        return self._told(await self.services.doctor.look(quick=quick))

    async def mend(self, request: web.Request) -> web.StreamResponse:
        """Mend what can be, and what is found then."""
        Query(request)
        return self._told(await self.services.doctor.mend())

    def _told(self, found: Sequence[Finding]) -> web.StreamResponse:
        findings = [*map(translate.finding, found), _refusals(self.services.counters)]
        return answering.answer(Doctor(ok=all(one.status != "fail" for one in findings), findings=findings))

    async def usage(self, request: web.Request) -> web.StreamResponse:
        """What running apps take of the machine; from memory, so that asking costs next to nothing."""
        samples = Query(request, "samples").number("samples", 1, KEPT)
        return answering.page(self.services.sampling.usage(samples or KEPT), translate.usage)

    async def down(self, request: web.Request) -> web.StreamResponse:
        """Stop apps and ingress."""
        Query(request)
        await self.services.projects.down()
        return answering.nothing()

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """The API, described."""
        Query(request)
        return web.Response(body=msgspec.json.encode(document(self.services.version)), content_type="application/json")

    async def tokens(self, request: web.Request) -> web.StreamResponse:
        """All tokens, without their texts."""
        Query(request)
        return answering.page(await self.services.tokens.list(), translate.token)

    async def create_token(self, request: web.Request) -> web.StreamResponse:
        """A new token; its text is given this once."""
        Query(request)
        asked = await body_of(request, requests.CreateToken)
        made, text = await self.services.tokens.create(
            asked.name, Scope(asked.scope), asked.expires_in_days, caller=request[CALLER]
        )
        return answering.answer(NewToken(token=translate.token(made), text=text.reveal()), 201)

    async def revoke_token(self, request: web.Request) -> web.StreamResponse:
        """A token opens nothing any more."""
        Query(request)
        await self.services.tokens.revoke(TokenId(request.match_info["token_id"]), caller=request[CALLER])
        return answering.nothing()

    async def keys(self, request: web.Request) -> web.StreamResponse:
        """The keys and how many secrets each seals."""
        Query(request)
        return answering.page(await self.services.keys.keys(), translate.key)

    async def rotate_keys(self, request: web.Request) -> web.StreamResponse:
        """A new key; secrets are sealed anew after the answer."""
        Query(request)
        return answering.answer(
            Page(items=[translate.key(one) for one in await self.services.keys.rotate(request[CALLER])]), 202
        )

    async def backup(self, request: web.Request) -> web.StreamResponse:
        """A backup, as it is sent on."""
        Query(request)
        given = (await body_of(request, requests.MakeBackup)).passphrase
        made = await self.services.backups.make(Secret(given) if given else None)
        try:
            answer = web.FileResponse(made, headers={"Content-Type": "application/gzip"})
            await answer.prepare(request)
            await answer.write_eof()
        finally:
            await self.services.backups.done(made)
        return answer

    async def audit(self, request: web.Request) -> web.StreamResponse:
        """Who did what."""
        query = Query(request, "who", "action", "target", "limit", "cursor")
        wanted = AuditFilter(who=query.text("who"), action=query.text("action"), target=query.text("target"))
        entries, following = await self.services.audit.list(wanted, query.page())
        return answering.page(entries, translate.audit_entry, following)

    async def check_audit(self, request: web.Request) -> web.StreamResponse:
        """Whether the audit is whole."""
        Query(request)
        return answering.answer(translate.audit_check(await self.services.audit.check()))


def _refusals(counters: IntakeCounters) -> shapes.Finding:
    """Refused requests are counted and logged, and nowhere else."""
    told = ", ".join(f"{count} {code}" for code, count in counters.refused.most_common())
    return shapes.Finding(
        code="refused",
        status="ok",
        title=f"refused on the public door since the start: {told or 'nothing'}",
        why="many bad signatures mean a wrong secret, or somebody who tries",
        fix=None,
        fixable=False,
    )
