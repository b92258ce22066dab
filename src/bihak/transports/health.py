"""`/health`, `/ready` and `/metrics`: what an operator's machines ask."""

import sqlalchemy as sa
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from bihak.core.node import Node
from bihak.errors import ChatError
from bihak.transports.figures import NodeFigures


class Health:
    """Answers for a node."""

    def __init__(self, node: Node, figures: NodeFigures) -> None:
        self._node = node
        self._registry = CollectorRegistry()
        self._registry.register(figures)

    async def health(self, request: web.Request) -> web.Response:
        """200 as long as the process serves."""
        return web.json_response({"status": "ok", "version": self._node.options.version})

    async def ready(self, request: web.Request) -> web.Response:
        """200 if clients should be sent here; 503 with what is wrong otherwise.

        Without the backplane it is degraded and still 200: every node would be, and each goes on delivering.
        """
        try:
            await self._node.readers.run(lambda connection: connection.execute(sa.select(1)).scalar_one())
            database = "ok"
        except ChatError as error:
            database = error.message
        is_ready = database == "ok" and not self._node.draining
        carries = self._node.backplane.is_connected
        status = "draining" if self._node.draining else "unavailable"
        if is_ready:
            status = "ok" if carries else "degraded"
        return web.json_response(
            {"status": status, "database": database, "backplane": "ok" if carries else "away"},
            status=200 if is_ready else 503,
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text format."""
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")
