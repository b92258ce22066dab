"""Requests out of paths, queries and bodies; replies and errors into responses."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from bihak.errors import ChatError, InvalidField, InvalidFrame, TooLarge
from bihak.protocol.envelope import Reply, Request, encode, field_error
from bihak.protocol.schema import tag_of

BODY_WITHIN_S = 10.0
"""Seconds for the whole body of a request."""


class RequestReader:
    """Reads one type of request from HTTP."""

    def __init__(self, kind: type[Request], max_bytes: int) -> None:
        self._kind = kind
        self._max_bytes = max_bytes
        self._numeric = _numeric_fields(kind)

    async def read(self, request: web.Request) -> Any:
        """The request. What the path names counts more than the query, and that more than the body. Raises ChatError.

        Paths and queries know only text, so there a whole number in digits will do for a number.
        """
        fields = await read_fields(request, self._max_bytes)
        words: Mapping[str, str] = {**request.query, **request.match_info}
        for name, text in words.items():
            is_number = name in self._numeric and re.fullmatch(r"0|[1-9][0-9]{0,15}", text)
            fields[name] = int(text) if is_number else text
        fields["type"] = tag_of(self._kind)
        try:
            return msgspec.convert(fields, self._kind)
        except msgspec.ValidationError as fault:
            raise field_error(fault) from None


async def read_fields(request: web.Request, max_bytes: int) -> dict[str, Any]:
    """The fields of a JSON body; none without a body. Raises ChatError, also for one that comes too slowly."""
    if not request.can_read_body:
        return {}
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise InvalidFrame("A body must not be compressed.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(f"A body has at most {max_bytes} bytes.")
    except TimeoutError:
        raise InvalidFrame("The body came too slowly.") from None
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidFrame("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise InvalidFrame("The body is not a JSON object.")
    return fields


def reply_response(reply: Reply | None, status: int) -> web.Response:
    """A reply with its status; 204 without one."""
    if reply is None:
        return web.Response(status=204)
    return web.Response(
        body=encode(reply),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def error_response(error: ChatError, status: int | None = None) -> web.Response:
    """`{"error": {...}}` with the error's own status, or another."""
    said: dict[str, object] = {"code": error.code, "message": error.message, "retryable": error.retryable}
    headers = {"Cache-Control": "no-store"}
    if error.field is not None:
        said["field"] = error.field
    if error.retry_after is not None:
        said["retry_after"] = error.retry_after
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=msgspec.json.encode({"error": said}),
        status=status or error.http_status,
        content_type="application/json",
        headers=headers,
    )


def path_pattern(path: str) -> str:
    """A route's path as aiohttp's router takes it: an id is any text, so that a wrong one is told as such."""
    return re.sub(r"{(\w+_id)}", r"{\1:[^/]+}", path)


def bearer(request: web.Request) -> str:
    """The token or key that the request carries; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def require_unicode(field: str, text: str) -> str:
    """`text`. Raises InvalidField where a header or a path held bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeError:
        raise InvalidField("Text must be valid Unicode.", field=field) from None
    return text


def _numeric_fields(request: type) -> frozenset[str]:
    info = msgspec.inspect.type_info(request)
    assert isinstance(info, msgspec.inspect.StructType)
    return frozenset(field.name for field in info.fields if _is_number(field.type))


def _is_number(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)]
        return all(_is_number(part) for part in kinds)
    return isinstance(kind, msgspec.inspect.IntType)
