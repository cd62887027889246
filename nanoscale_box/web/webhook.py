"""The webhook: size, media type and refusals are looked at here, everything else is the engine's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from multidict import istr

from nanoscale_box.core.errors import BoxError, Code, Unauthorized
from nanoscale_box.core.github_headers import DELIVERY_HEADERS
from nanoscale_box.core.model import Receipt
from nanoscale_box.web import translate
from nanoscale_box.web.answering import answer
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.express import Whole, refusal, written
from nanoscale_box.web.limits import BodyBudget, Refusals, check_declared, plausibly_signed, read_body, too_many
from nanoscale_box.web.problems import defect
from nanoscale_box.web.services import Intake
from nanoscale_box.web.settings import PublicSettings
from nanoscale_box.wire.routes import WEBHOOK

_TELLING: Final = tuple(istr(name) for name in DELIVERY_HEADERS)

_log = structlog.stdlib.get_logger("nanoscale_box.web")


class Webhook:
    """Takes deliveries in, in the order 413, 415, 429, 401, 400; a rightly signed one never gets a 429."""

    def __init__(self, intake: Intake, settings: PublicSettings, counters: IntakeCounters) -> None:
        self._intake = intake
        self._settings = settings
        self._counters = counters
        self._budget = BodyBudget(settings.bytes_in_flight, counters)
        self._refusals = Refusals(
            burst=settings.refusals_burst,
            per_second=settings.refusals_per_second,
            now=lambda: asyncio.get_running_loop().time(),
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one delivery."""
        try:
            receipt = await self._receive(request)
        except BoxError as error:
            raise self._refused(error) from error.__cause__
        self._counters.answered[receipt.status] += 1
        return answer(translate.receipt(receipt), receipt.http_status)

    def express(self, whole: Whole, tell: Callable[[bytes | None], None]) -> None:
        """Take in one delivery that came whole and looks signed; `tell` is called with the answer once there is one,
        with None when nothing more will be answered."""
        held = len(whole.body)
        try:
            self._budget.take(held)
        except BoxError as error:
            tell(refusal(self._refused(error)))
            return
        self._intake.receive_for(_Carried(self, held, tell), whole.headers, whole.body)

    def arrived(self, held: int, told: Receipt | BaseException) -> bytes | None:
        """Give what is answered to a delivery that was carried, and has been dealt with."""
        self._budget.give_back(held)
        match told:
            case Receipt():
                self._counters.answered[told.status] += 1
                return written(translate.receipt(told), told.http_status)
            case asyncio.CancelledError():
                return None
            case BoxError():
                return refusal(self._refused(told))
            case defective:
                return refusal(defect("POST", WEBHOOK, defective))

    async def _receive(self, request: web.Request) -> Receipt:
        headers = [(name, value) for name in _TELLING for value in request.headers.getall(name, ())]
        check_declared(request, self._settings.body_limit)
        self._intake.check_headers(headers)
        signed = plausibly_signed(headers)
        if not signed and self._refusals.empty:
            raise Unauthorized(Code.BAD_SIGNATURE, "the signature is missing")
        with self._budget.reading() as reading:
            body = await read_body(request, reading, self._budget, self._settings, keep=signed)
            return await self._intake.receive(headers, body)

    def _refused(self, error: BoxError) -> BoxError:
        """Count a refusal; a missing or wrong signature is spelled out only as often as the bucket allows."""
        spelled_out = self._refusals.take()
        told = too_many(self._refusals.wait_seconds) if isinstance(error, Unauthorized) and not spelled_out else error
        self._counters.refused[told.code.value] += 1
        if spelled_out:
            _log.info("delivery.refused", code=error.code.value)
        return told


class _Carried:
    """Has the answer written as soon as there is one, without the event loop's going round once more."""

    __slots__ = ("_held", "_tell", "_webhook")

    def __init__(self, webhook: Webhook, held: int, tell: Callable[[bytes | None], None]) -> None:
        self._webhook = webhook
        self._held = held
        self._tell = tell

    def done(self) -> bool:
        return False

    def set_result(self, receipt: Receipt, /) -> None:
        self._tell(self._webhook.arrived(self._held, receipt))

    def set_exception(self, error: BaseException, /) -> None:
        self._tell(self._webhook.arrived(self._held, error))


async def await_handler(request: web.Request) -> None:
    """Leave `Expect: 100-continue` to the handler, which first looks at what the headers say."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed
