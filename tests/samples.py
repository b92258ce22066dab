"""A valid request of any type, made from what the command table says of its fields."""

from typing import Any

from msgspec import inspect

from bihak.protocol.envelope import Request

BY_NAME: dict[str, Any] = {"emoji": "👍", "content": "x", "name": "x", "q": "x", "user_id": "user_2"}
"""Values for fields whose type alone does not say what is good."""


def sample_fields(request: type[Request], **given: Any) -> dict[str, Any]:
    """The required fields of a request, and of `given` those that it has."""
    info = inspect.type_info(request)
    assert isinstance(info, inspect.StructType)
    fields: dict[str, Any] = {}
    for field in info.fields:
        if field.encode_name in given:
            fields[field.encode_name] = given[field.encode_name]
        elif field.required:
            fields[field.encode_name] = BY_NAME.get(field.encode_name, sample_value(field.type))
    return fields


def sample_value(kind: inspect.Type) -> Any:
    """A value of that type."""
    match kind:
        case inspect.IntType():
            return max(kind.ge or 0, 1)
        case inspect.StrType():
            return "user_2" if "_" in (kind.pattern or "") else "user"
        case inspect.BoolType():
            return True
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.ListType():
            return [sample_value(kind.item_type)]
        case inspect.DictType():
            return {}
        case inspect.UnionType():
            return sample_value(kind.types[0])
        case _:
            raise NotImplementedError(f"what is a valid {kind}?")
