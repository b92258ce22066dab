"""What clients write down while faults happen: an append-only file of one record a line."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class Record(msgspec.Struct, tag=True, kw_only=True):
    """Something that a device of a participant did or heard in a conversation."""

    at: float = 0.0
    """Seconds on this machine's monotonic clock."""
    device: str
    user_id: str
    conversation_id: int


class Begun(Record):
    """A send that the device is about to make for the first time."""

    key: str
    digest: str


class Acknowledged(Record):
    """The reply to a send."""

    key: str
    message_id: int
    seq: int


class Refused(Record):
    """An error in reply to a send."""

    key: str
    code: str
    retryable: bool


class Based(Record):
    """The device knows, by other means than events, everything up to `seq`."""

    seq: int
    why: str


class Skipped(Record):
    """A replay left out what lies between, as if it were not the device's to see."""

    after: int
    to: int
    why: str


class Applied(Record):
    """An event, applied."""

    seq: int
    kind: str
    message_id: int | None = None
    key: str | None = None
    digest: str | None = None
    about: str | None = None
    """The `user_id` that joined or left."""


class Fetched(Record):
    """A message from a page of history."""

    seq: int
    message_id: int
    digest: str


class Troubled(Record):
    """Something that no client should ever see."""

    what: str


AnyRecord = Begun | Acknowledged | Refused | Based | Skipped | Applied | Fetched | Troubled

_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def digest_of(content: str) -> str:
    """Stands for a message's content."""
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


class Journal:
    """Writes records, each with the time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab")
        self._encode = msgspec.json.Encoder().encode
        self.acknowledged = 0
        """Sends acknowledged so far."""

    def write(self, record: AnyRecord) -> None:
        self.acknowledged += isinstance(record, Acknowledged)
        self._file.write(self._encode(msgspec.structs.replace(record, at=time.monotonic())) + b"\n")

    def read(self) -> Iterator[AnyRecord]:
        """Everything written so far, in order."""
        self._file.flush()
        with self._path.open("rb") as lines:
            yield from map(_decoder.decode, lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
