"""OpenAPI 3.1 and AsyncAPI 3.0 documents, made from descriptions of the commands and the events."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from bihak.errors import ALL_ERRORS, ChatError, CloseCode
from bihak.protocol.envelope import DurableEvent, ErrorReply, Event, Reply, Request

Schema = dict[str, Any]

TITLE = "Bihak Messaging"
OPENAPI = "3.1.0"
ASYNCAPI = "3.0.0"

SOCKET_ONLY = frozenset({"unknown_type", "already_authenticated", "too_many_connections", "slow_consumer"})
"""Codes that no HTTP answer has."""
NEVER_SENT = frozenset({CloseCode.LOST})
WITHOUT_BODY = frozenset({"GET", "DELETE"})
"""Methods whose fields travel in the query."""


class HttpRoute(NamedTuple):
    """Where a command is found over HTTP. `path` is the whole one; its `{names}` are the request's fields."""

    method: str
    path: str
    status: int


class CommandDescription(NamedTuple):
    """What the documents say of one command."""

    request: type[Request]
    reply: type[Reply] | None
    """None: it is answered by nothing but errors."""
    on_socket: bool
    """Whether clients may send it as a frame."""
    route: HttpRoute | None = None
    needs_auth: bool = True
    """On a socket: whether `auth` must have come before."""
    for_platform: bool = False
    """Over HTTP: whether it takes the API key, and nothing else."""

    @property
    def name(self) -> str:
        """The `type` of its frames."""
        return tag_of(self.request)


def tag_of(kind: type[msgspec.Struct]) -> str:
    """The `type` of its frames."""
    return str(kind.__struct_config__.tag)


def summary_of(kind: type) -> str:
    """The first sentence of a class's own docstring; empty without one."""
    text = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.!?;])\s", text)[0].rstrip(".;")


def description_of(kind: type) -> str:
    """A class's own docstring; empty without one."""
    return inspect.cleandoc(kind.__doc__ or "")


# OpenAPI


def openapi(commands: Sequence[CommandDescription], *, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the commands with a route."""
    routed = [command for command in commands if command.route is not None]
    replies = {command.reply for command in routed if command.reply is not None}
    names, schemas = _components("#/components/schemas/{name}", sorted(replies, key=lambda kind: kind.__name__))
    paths: dict[str, dict[str, Any]] = {}
    for command in routed:
        assert command.route is not None
        operation = _operation(command, names, schemas)
        paths.setdefault(command.route.path, {})[command.route.method.lower()] = operation
    schemas["Error"] = _error_schema()
    return {
        "openapi": OPENAPI,
        "info": {
            "title": TITLE,
            "version": version,
            "description": (
                "Everything that clients do over the WebSocket, and what the platform's back end does. "
                "Ids are integers up to 2^53-1; times are RFC 3339 in UTC with milliseconds."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "participant", "description": "On behalf of the bearer, or of the one named in X-Participant."},
            {"name": "platform", "description": "For the platform's back end: the bearer is API_KEY."},
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {f"Error{status}": _error_response(status, kinds) for status, kinds in _by_status().items()},
            "securitySchemes": _security_schemes("http"),
        },
        **_extensions(),
    }


def _operation(command: CommandDescription, names: Mapping[type, Schema], schemas: dict[str, Schema]) -> dict[str, Any]:
    route = command.route
    assert route is not None
    fields, required, used = _request_fields(command.request)
    schemas.update(used)
    in_path = re.findall(r"{(\w+)}", route.path)
    operation: dict[str, Any] = {
        "operationId": command.name,
        "summary": summary_of(command.request),
        "description": description_of(command.request),
        "tags": ["platform" if command.for_platform else "participant"],
        "security": [{"apiKey": []}] if command.for_platform else [{"token": []}, {"apiKey": [], "onBehalfOf": []}],
    }
    parameters = [{"name": name, "in": "path", "required": True, "schema": fields.pop(name)} for name in in_path]
    required = [name for name in required if name not in in_path]
    if route.method in WITHOUT_BODY:
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": _in_query(schema)}
            for name, schema in fields.items()
        ]
    elif fields:
        body: Schema = {"type": "object", "properties": fields}
        if required:
            body["required"] = required
        schemas[f"{command.request.__name__}Body"] = body
        operation["requestBody"] = {
            "required": bool(required),
            "content": _json({"$ref": f"#/components/schemas/{command.request.__name__}Body"}),
        }
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = {**_success(command, names), **_error_responses()}
    return operation


def _success(command: CommandDescription, names: Mapping[type, Schema]) -> dict[str, Any]:
    assert command.route is not None
    if command.reply is None:
        return {"204": {"description": "Done."}}
    described = description_of(command.reply) or f"`{tag_of(command.reply)}`."
    return {str(command.route.status): {"description": described, "content": _json(names[command.reply])}}


def _request_fields(request: type[Request]) -> tuple[dict[str, Schema], list[str], dict[str, Schema]]:
    """The properties of a request but for those that only frames have, those required, and what they refer to."""
    (name,), schemas = _named_components("#/components/schemas/{name}", [request])
    own = schemas.pop(name)
    fields = {key: value for key, value in own["properties"].items() if key not in ("type", "request_id")}
    return fields, [key for key in own.get("required", ()) if key in fields], schemas


def _in_query(schema: Schema) -> Schema:
    """As a schema of text in a query: what is left out is null."""
    if "anyOf" not in schema:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def _by_status() -> dict[int, list[type[ChatError]]]:
    found: dict[int, list[type[ChatError]]] = {}
    for error in ALL_ERRORS:
        if error.code not in SOCKET_ONLY:
            found.setdefault(error.http_status, []).append(error)
    return dict(sorted(found.items()))


def _error_responses() -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in _by_status()}


def _error_response(status: int, errors: Iterable[type[ChatError]]) -> dict[str, Any]:
    codes = ", ".join(f"`{error.code}`" for error in errors)
    response: dict[str, Any] = {
        "description": f"{codes}.",
        "content": _json({"$ref": "#/components/schemas/Error"}),
    }
    if status in (429, 503):
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait, where known.", "schema": {"type": "integer", "minimum": 1}}
        }
    return response


def _error_schema() -> Schema:
    codes = [error.code for error in ALL_ERRORS if error.code not in SOCKET_ONLY]
    fields: dict[str, Schema] = {
        "code": {"enum": codes, "description": "For programs."},
        "message": {"type": "string", "description": "For people."},
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later, unchanged."},
        "field": {"type": "string", "description": "The field that is wrong."},
        "retry_after": {"type": "number", "description": "Seconds."},
    }
    said = {"type": "object", "properties": fields, "required": ["code", "message", "retryable"]}
    return {"type": "object", "properties": {"error": said}, "required": ["error"]}


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


# AsyncAPI


def asyncapi(commands: Sequence[CommandDescription], events: Sequence[type[Event]], *, version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the frames: `receive` is what the server takes, `send` what it tells."""
    asked = [command for command in commands if command.on_socket]
    kinds: list[type[msgspec.Struct]] = [command.request for command in asked]
    kinds += sorted({command.reply for command in asked if command.reply}, key=tag_of)
    kinds += [ErrorReply, *sorted(events, key=tag_of)]
    names, schemas = _components("#/components/schemas/{name}", kinds)
    channel = {"$ref": "#/channels/connection"}
    operations: dict[str, Any] = {}
    for command in asked:
        answers = [kind for kind in (command.reply, ErrorReply) if kind is not None]
        operations[command.name] = {
            "action": "receive",
            "channel": channel,
            "summary": summary_of(command.request),
            "description": description_of(command.request),
            "messages": [_in_channel(command.request)],
            "reply": {"channel": channel, "messages": [_in_channel(kind) for kind in answers]},
            "x-needs-auth": command.needs_auth,
        }
    for event in sorted(events, key=tag_of):
        operations[f"on_{tag_of(event)}"] = {
            "action": "send",
            "channel": channel,
            "summary": summary_of(event),
            "description": description_of(event),
            "messages": [_in_channel(event)],
            "x-durable": issubclass(event, DurableEvent),
        }
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": TITLE,
            "version": version,
            "description": "JSON text frames, each with a `type`; clients ignore types and fields they do not know.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "connection": {
                "address": "/ws",
                "title": "A connection",
                "description": "A WebSocket. `auth` comes first, within ten seconds.",
                "messages": {_key(kind): {"$ref": f"#/components/messages/{_key(kind)}"} for kind in kinds},
            }
        },
        "operations": operations,
        "components": {
            "messages": {_key(kind): _message(kind, names[kind]) for kind in kinds},
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": _security_schemes("socket"),
        },
        **_extensions(),
    }


def _key(kind: type[msgspec.Struct]) -> str:
    """A message's name in the document; a request and its reply may share their `type`."""
    return kind.__name__


def _in_channel(kind: type[msgspec.Struct]) -> Schema:
    return {"$ref": f"#/channels/connection/messages/{_key(kind)}"}


def _message(kind: type[msgspec.Struct], schema: Schema) -> dict[str, Any]:
    return {"name": tag_of(kind), "title": tag_of(kind), "summary": summary_of(kind), "payload": schema}


# What both say


def _components(template: str, kinds: Sequence[type]) -> tuple[dict[type, Schema], dict[str, Schema]]:
    """A reference to each of these types, and the schemas that they need."""
    references, schemas = msgspec.json.schema_components(kinds, ref_template=template)
    return dict(zip(kinds, references, strict=True)), schemas


def _named_components(template: str, kinds: Sequence[type]) -> tuple[list[str], dict[str, Schema]]:
    references, schemas = msgspec.json.schema_components(kinds, ref_template=template)
    return [reference["$ref"].rpartition("/")[2] for reference in references], schemas


def _security_schemes(where: str) -> dict[str, Any]:
    token = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token that the platform signed: claims `sub` (a user_id), `exp`; `iat`, `name` and others.",
    }
    if where == "socket":
        return {"token": {**token, "description": f"{token['description']} It is the field `token` of `auth`."}}
    return {
        "token": token,
        "apiKey": {"type": "http", "scheme": "bearer", "description": "API_KEY, for the platform's back end."},
        "onBehalfOf": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Participant",
            "description": "With the API key: the `user_id` on whose behalf this is.",
        },
    }


def _extensions() -> dict[str, Any]:
    """The tables of error codes and close codes, for readers and for the page."""
    errors = [
        {
            "code": error.code,
            "http_status": error.http_status,
            "retryable": error.retryable,
            "description": error.default_message,
        }
        for error in ALL_ERRORS
    ]
    closes = [{"code": int(code), "name": code.name.lower()} for code in CloseCode if code not in NEVER_SENT]
    return {"x-errors": errors, "x-close-codes": closes}
