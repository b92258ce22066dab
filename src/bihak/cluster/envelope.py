"""What a publication says between nodes, and the topics there are."""

import msgspec


class Envelope(msgspec.Struct, array_like=True):
    """An event between nodes: its body, and what the hub must know of it without reading it."""

    body: bytes
    seq: int = 0
    """0: not durable."""
    left: tuple[str, ...] = ()
    """The `user_id`s that hear this and nothing after it."""
    skip_user: str = ""
    """A `user_id` that shall not hear it."""
    joins: tuple[int, int] | None = None
    """(conversation_id, seq) that whoever hears this enters."""
    conversations: tuple[int, ...] = ()
    """Not empty: the members of all of these hear it, each once; it is published on the topic of each."""
    revoked_before_ms: int = 0
    """On a participant's topic, and not 0: no event; sessions whose token was made before then end with 4403."""
    number: int = 0
    """With `conversations`: the same in each copy, so that a node takes the first that comes."""
    joined: tuple[str, ...] = ()
    """The `user_id`s that hear what comes after this; their own topics announce the conversation to them."""
    limited: tuple[str, int] | None = None
    """On a participant's topic, and not None: no event; the participant has used up that limit, for so many ms."""
    wrote: str = ""
    """The `user_id` whose message it is: they no longer type."""
    typing: int = 0
    """Not 0: `skip_user` types, as the node of that number tells."""


pack = msgspec.msgpack.Encoder().encode
"""A list of envelopes as bytes, for a carrier that takes nothing else."""
unpack = msgspec.msgpack.Decoder(list[Envelope]).decode
"""The envelopes in such bytes. Raises msgspec.DecodeError."""


def conversation_topic(conversation_id: int) -> str:
    return f"c{conversation_id}"


def participant_topic(user_id: str) -> str:
    return f"p{user_id}"
