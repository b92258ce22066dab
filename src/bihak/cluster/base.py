"""The seam between nodes."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bihak.cluster.envelope import Envelope

Publication = tuple[str, Envelope]
"""A topic and what was published on it; nobody changes it any more."""

Deliver = Callable[[Sequence[Publication]], None]


class Backplane(Protocol):
    """Carries publications from any node to every node that subscribed to their topic, the publisher's own included.

    It may lose, repeat and reorder them: the hub's sequence numbers mend that. It must not invent or alter any. While
    all is well, those of one node on one topic keep their order; on different topics they need not.
    """

    async def start(self, deliver: Deliver, recovered: Callable[[], None]) -> None:
        """Begins to deliver: `deliver` is called on the event loop with publications in the order they came in.

        `recovered` is called there when it carries again after a time in which it did not.
        """
        ...

    @property
    def is_connected(self) -> bool:
        """Whether it carries. While it does not, only the publisher's own node hears of a publication."""
        ...

    def publish(self, publications: Sequence[Publication]) -> None:
        """Hands publications over; never blocks and never raises."""
        ...

    def subscribe(self, topic: str) -> None:
        """This node wants that topic from now on. Subscribing twice is subscribing once."""
        ...

    def unsubscribe(self, topic: str) -> None:
        """This node no longer wants that topic."""
        ...

    async def close(self) -> None:
        """Delivers nothing from now on; what was published before goes out if it can."""
        ...
