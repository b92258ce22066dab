"""A capacity model: what so many people need, from what a message, a delivery and a connection cost.

Each formula is a method of a line or two. What is assumed stands in `Habits` and `Assumed`; the rest is measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

Json = Mapping[str, Any]
DAY_S = 86_400
SWEPT_S = 15
BUSY = 0.6
"""How far a core is planned to be used at the peak; past that, waiting grows faster than work."""
MOST_OWN = BUSY / 2
"""How much of that may be what a node spends on being one. Past half of it more nodes hardly help, and how many it
would take follows small changes of what was measured."""


@dataclass(frozen=True)
class Habits:
    """What people do. Assumed: a platform puts its own in."""

    online: float = 0.12
    """Connections at the peak, of all people: one in ten is there, some with two devices."""
    messages_a_day: float = 40
    peak: float = 3
    """The busiest second over the mean of a day."""
    deliveries: float = 3
    """Connections that get a message, the sender's own among them."""
    signals: float = 2
    """Typing, read and presence events for each message, each as widely delivered."""
    returns_an_hour: float = 2
    """How often a connection is lost and resumed."""
    comings_an_hour: float = 1
    """How often somebody comes, goes or falls silent."""


@dataclass(frozen=True)
class Constants:
    """Microseconds of CPU unless the name says otherwise; as measured on one core (see the page)."""

    message_us: float = 700
    """A message from its frame to its reply, its deliveries apart, where batches are of one or two: some hundred a
    second. Connections bound a node long before it has so much to do that batches grow."""
    busy_message_us: float = 30
    """The same where batches are of tens: thousands a second."""
    delivery_us: float = 4
    """A delivery by itself: one write to one socket."""
    resume_us: float = 1000
    idle_us: float = 8
    """A connection that does nothing, each second."""
    store_us: float = 250
    """A message at MariaDB, in batches of one or two, with all that is done behind it."""
    busy_store_us: float = 13
    resume_store_us: float = 300
    publish_us: float = 90
    """What a publication costs its node, where one comes alone."""
    busy_publish_us: float = 2
    """The same where a hundred come at once."""
    hear_us: float = 17
    """What a publication costs each node that it reaches, the one it comes from included."""
    busy_hear_us: float = 1.5
    redis_us: float = 40
    """What it costs Redis, and for each node that it goes to `redis_hear_us`."""
    redis_hear_us: float = 2
    busy_redis_us: float = 1
    busy_redis_hear_us: float = 0.2
    sweep_us: float = 0.2
    """What a conversation that has changed anywhere in the last `SWEPT_S` costs each node, each second."""
    sweep_store_us: float = 0.5
    """The same at the database."""
    connection_kib: float = 23
    node_mib: float = 100
    generator_us: float = 2.5

    @classmethod
    def measured(cls, scenarios: Json) -> "Constants":
        """From a file of results; what is not in it stays as it is here."""
        found: dict[str, float] = _cluster_costs(scenarios.get("cluster"))
        for field, scenario, figure in SOURCES:
            figures = scenarios.get(scenario, {}).get("figures", {}).get("MariaDB")
            if figures is not None:
                found[field] = figures[figure]
        constants = replace(cls(), **found)
        deliveries = 2 * constants.delivery_us  # those of a direct conversation, which the measured figure includes
        idle = scenarios.get("idle", {})
        if idle.get("people"):
            constants = replace(constants, idle_us=constants.idle_us / idle["people"])
        for field in {"message_us", "busy_message_us"} & set(found):
            constants = replace(constants, **{field: max(found[field] - deliveries, found[field] / 2)})
        return constants


SOURCES = (
    ("message_us", "rate", "server_us"),
    ("busy_message_us", "pairs-8", "server_us"),
    ("generator_us", "pairs-8", "load_us"),
    ("delivery_us", "room-1", "server_us"),
    ("resume_us", "storm", "server_us"),
    ("resume_store_us", "storm", "database_us"),
    ("idle_us", "idle", "server_us"),
    ("store_us", "rate", "database_us"),
    ("busy_store_us", "pairs-8", "database_us"),
    ("connection_kib", "idle", "memory_kib"),
)


def _cluster_costs(found: Json | None) -> dict[str, float]:
    """The constants that `python -m bench cluster` measures."""
    if found is None:
        return {}
    costs = {"sweep_us": found["sweep"]["python_us"], "sweep_store_us": found["sweep"]["server_us"]}
    sizes = sorted(found["bursts"], key=int)
    for prefix, size in (("", sizes[0]), ("busy_", sizes[-1])):
        burst = found["bursts"][size]
        costs |= {f"{prefix}{name}": burst[of][whose] for name, of, whose in CLUSTER_SOURCES}
    return costs


CLUSTER_SOURCES = (
    ("publish_us", "sent", "python_us"),
    ("redis_us", "sent", "server_us"),
    ("hear_us", "heard", "python_us"),
    ("redis_hear_us", "heard", "server_us"),
)


@dataclass(frozen=True)
class Assumed:
    """What this benchmark cannot measure on one machine."""

    connections_a_node: int = 15_000
    """What one process is given; 19,000 are measured."""
    database_cores: int = 16
    database_gib: int = 4096
    """What one database server is given to keep."""
    row_bytes: int = 400
    """A message with its indexes."""
    frame_bytes: int = 400
    """A delivery on the wire, with TCP and IP."""


@dataclass(frozen=True)
class Scale:
    """So many people, and what they need. A node is one process on one core.

    `is_built`: as the cluster is. Otherwise as it has to be from some size on: a node sweeps its own rooms alone and
    every ten seconds, and hears of the presence of those alone who share a conversation with somebody on it.
    """

    people: int
    is_built: bool = True
    habits: Habits = Habits()
    constants: Constants = Constants()
    assumed: Assumed = Assumed()

    @property
    def connections(self) -> float:
        return self.people * self.habits.online

    @property
    def messages_a_second(self) -> float:
        return self.people * self.habits.messages_a_day / DAY_S * self.habits.peak

    @property
    def events_a_second(self) -> float:
        return self.messages_a_second * (1 + self.habits.signals)

    @property
    def deliveries_a_second(self) -> float:
        return self.events_a_second * self.habits.deliveries

    @property
    def resumes_a_second(self) -> float:
        return self.connections * self.habits.returns_an_hour / 3600

    @property
    def comings_a_second(self) -> float:
        """Changes of presence that others are told of."""
        return self.connections * self.habits.comings_an_hour / 3600

    @property
    def shared_cores(self) -> float:
        """Work that more nodes share."""
        c, spread = self.constants, self.habits.deliveries
        cluster_us = c.publish_us + c.hear_us * spread
        own_us = 0.0 if self.is_built else 2 * spread * c.sweep_us
        return (
            self.messages_a_second * (c.message_us + self.habits.signals * c.busy_message_us / 2 + own_us)
            + self.events_a_second * cluster_us
            + self.comings_a_second * cluster_us
            + self.deliveries_a_second * c.delivery_us
            + self.resumes_a_second * c.resume_us
            + self.connections * c.idle_us
        ) / 1e6

    @property
    def own_cores(self) -> float:
        """Work that every node has, however many there are: its sweep, and everybody's presence."""
        if not self.is_built:
            return 0
        swept_us = SWEPT_S * self.messages_a_second * self.constants.sweep_us
        return (swept_us + self.comings_a_second * self.constants.hear_us) / 1e6

    @property
    def nodes(self) -> int:
        """As many as connections and CPU need; 0: more do not help, because each has too much on its own account."""
        if self.own_cores >= MOST_OWN:
            return 0
        by_connections = self.connections / self.assumed.connections_a_node
        return math.ceil(max(by_connections, self.shared_cores / (BUSY - self.own_cores)))

    @property
    def redis_cores(self) -> float:
        if self.nodes == 1:
            return 0
        c, reached = self.constants, min(self.nodes, self.habits.deliveries)
        events_us = self.events_a_second * (c.redis_us + reached * c.redis_hear_us)
        told = self.nodes if self.is_built else reached
        return (events_us + self.comings_a_second * (c.redis_us + told * c.redis_hear_us)) / 1e6

    @property
    def database_cores(self) -> float:
        c = self.constants
        sweeps = self.nodes * SWEPT_S if self.is_built else 2 * self.habits.deliveries
        message_us = c.store_us + sweeps * c.sweep_store_us
        return (self.messages_a_second * message_us + self.resumes_a_second * c.resume_store_us) / 1e6

    @property
    def databases(self) -> int:
        """For the CPU, or for a year of messages."""
        by_cores = self.database_cores / (self.assumed.database_cores * BUSY)
        return math.ceil(max(by_cores, self.gib_a_year / self.assumed.database_gib))

    @property
    def redises(self) -> int:
        return math.ceil(self.redis_cores / BUSY)

    @property
    def memory_gib(self) -> float:
        """Of all nodes."""
        return (self.nodes * self.constants.node_mib + self.connections * self.constants.connection_kib / 1024) / 1024

    @property
    def megabits(self) -> float:
        return self.deliveries_a_second * self.assumed.frame_bytes * 8 / 1e6

    @property
    def gib_a_year(self) -> float:
        return self.people * self.habits.messages_a_day * 365 * self.assumed.row_bytes / (1 << 30)

    @property
    def storm_s(self) -> float:
        """Until everybody is back after every connection was cut at once: on the nodes, or on the databases."""
        c = self.constants
        by_nodes = self.connections / self.nodes * c.resume_us / 1e6
        by_databases = self.connections * c.resume_store_us / 1e6 / (self.databases * self.assumed.database_cores)
        return max(by_nodes, by_databases)


def predicted_gain(constants: Constants) -> float:
    """Two workers with Redis on two cores, over one worker on one: messages a second in direct conversations.

    Everything that works shares the cores in both: servers, MariaDB, Redis and the load generator.
    """
    c = constants
    one_us = c.busy_message_us + 2 * c.delivery_us + c.busy_store_us + c.generator_us
    # A message is published once, and half of the pairs sit on both workers: on average it reaches 1.5 of them.
    cluster_us = c.busy_publish_us + c.busy_redis_us + 1.5 * (c.busy_hear_us + c.busy_redis_hear_us)
    return 2 * one_us / (one_us + cluster_us)


def measured_gain(scenarios: Json) -> tuple[float, float] | None:
    """The same as it was measured, and as the CPU time of the same runs says; None if it was not."""
    figures = scenarios.get("workers", {}).get("figures", {})
    if not {"one worker", "two workers"} <= set(figures):
        return None
    one, two = figures["one worker"], figures["two workers"]
    cpu_us = [sum(found[name] for name in ("server_us", "database_us", "load_us")) for found in (one, two)]
    return two["per_s"] / one["per_s"], 2 * cpu_us[0] / cpu_us[1]
