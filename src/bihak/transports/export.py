"""`GET /api/participants/{user_id}/export`: all that is stored about somebody, sent while it is read."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from aiohttp import web

from bihak.errors import ChatError
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.schema import CommandDescription, HttpRoute
from bihak.protocol.types import UserId

log = structlog.stdlib.get_logger("bihak")

Export = Callable[[str], AsyncIterator[bytes]]
"""The JSON of a `ParticipantExport` of that `user_id`, in pieces. Raises ChatError."""

Rows = list[dict[str, Any]]


class ExportParticipant(Request, tag="export_participant", kw_only=True):
    """Hands out all that is stored about a participant."""

    user_id: UserId


class ParticipantExport(Reply, tag="participant_export", kw_only=True):
    """All that is stored about somebody. Each list has the rows of a table, as they are in it, but for times."""

    user_id: str
    exported_at: str
    profile: dict[str, Any] | None
    memberships: Rows
    messages: Rows
    mentions: Rows
    """Messages of others that mention them, without what these say."""
    reactions: Rows
    pins: Rows
    receipts: Rows
    notifications: Rows
    presence: Rows
    connections: Rows
    typing: Rows
    revocations: Rows
    events: Rows
    """What they did, and what was done to them, in conversations: from the log."""


EXPORT_PARTICIPANT = CommandDescription(
    ExportParticipant,
    ParticipantExport,
    on_socket=False,
    route=HttpRoute("GET", "/api/participants/{user_id}/export", 200),
    for_platform=True,
)


async def stream(request: web.Request, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """Sends `pieces` as they come. Raises ChatError before the first one; what fails later cuts the answer off."""
    first = await anext(pieces)
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type = "application/json"
    await response.prepare(request)
    try:
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except ChatError as error:
        log.warning("export cut off", error=error.message)
        if request.transport is not None:
            request.transport.abort()  # an end would make half of it look whole
    return response
