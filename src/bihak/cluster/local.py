"""The backplane of one process: every node that shares a `LocalBus`, usually one."""

from collections.abc import Callable, Sequence

from bihak.cluster.base import Deliver, Publication


class LocalBus:
    """What the local backplanes of one process share."""

    def __init__(self) -> None:
        self.backplanes: list[LocalBackplane] = []


class LocalBackplane:
    """Implements `Backplane` by calling the subscribed nodes at once."""

    def __init__(self, bus: LocalBus | None = None) -> None:
        self._bus = bus or LocalBus()
        self._topics: set[str] = set()
        self._deliver: Deliver | None = None

    async def start(self, deliver: Deliver, recovered: Callable[[], None]) -> None:
        self._deliver = deliver
        self._bus.backplanes.append(self)

    @property
    def is_connected(self) -> bool:
        return True

    def publish(self, publications: Sequence[Publication]) -> None:
        for backplane in self._bus.backplanes:
            backplane.receive(publications)

    def receive(self, publications: Sequence[Publication]) -> None:
        """Delivers what this node subscribed to."""
        if self._deliver is None:
            return
        wanted = [publication for publication in publications if publication[0] in self._topics]
        if wanted:
            self._deliver(wanted)

    def subscribe(self, topic: str) -> None:
        self._topics.add(topic)

    def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic)

    async def close(self) -> None:
        self._deliver = None
        if self in self._bus.backplanes:
            self._bus.backplanes.remove(self)
