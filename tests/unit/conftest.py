"""Takes in what tests without a socket ask for."""

from tests.fixtures import cluster, mariadb_place, place, quiet_logs, sqlite_place

__all__ = ["cluster", "mariadb_place", "place", "quiet_logs", "sqlite_place"]
