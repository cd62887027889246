"""Notes in the audit what callers had done, by whom and how it ended; what only looks is not noted."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from nanoscale_box.core.audit import Act
from nanoscale_box.core.errors import BoxError, Invalid, NotFound
from nanoscale_box.web.callers import CALLER, DETAIL, TARGET, operation_of
from nanoscale_box.web.problems import Handler
from nanoscale_box.web.services import Audit
from nanoscale_box.wire.operation import Operation

_LOOKS: Final = frozenset({"preview_new_plan"})
_TELLS_ITSELF: Final = frozenset({"create_token", "revoke_token", "rotate_keys"})
"""What is noted in the same commit as it is done."""


def audited(audit: Audit) -> Middleware:
    """A middleware that stands behind the one that knows the caller."""

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = operation_of(request)
        if operation is None or operation.method == "GET" or operation.id in _LOOKS | _TELLS_ITSELF:
            return await handler(request)
        try:
            response = await handler(request)
        except (Invalid, NotFound):
            raise  # nothing was done, nor could have been
        except BoxError as refused:
            await audit.note(_act(request, operation, refused.code.value))
            raise
        await audit.note(_act(request, operation, "done"))
        return response

    return noted


def _act(request: web.Request, operation: Operation, outcome: str) -> Act:
    named = next(iter(request.match_info.values()), None)
    return Act(
        who=request[CALLER],
        action=operation.id,
        outcome=outcome,
        target=request.get(TARGET, named),
        detail=request.get(DETAIL, ""),
    )
