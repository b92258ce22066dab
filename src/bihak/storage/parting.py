"""A PyMySQL connection that sends what ends a transaction in one packet: its last statements and the COMMIT."""

from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.constants import CLIENT


class PartingConnection(pymysql.connections.Connection):
    """Implements what `statement.run_at_commit` looks for.

    A round trip costs more than a small statement: the threads of both sides must be woken for it.
    """

    def __init__(self, *arguments: Any, client_flag: int = 0, **options: Any) -> None:
        self._parting: list[str] = []
        super().__init__(*arguments, client_flag=client_flag | CLIENT.MULTI_STATEMENTS, **options)

    def run_at_commit(self, sql: str, parameters: Sequence[object]) -> None:
        """Keeps a statement for the next `commit`, which raises what is wrong with it and then commits nothing."""
        with self.cursor() as cursor:
            self._parting.append(cursor.mogrify(sql, tuple(parameters)))

    def commit(self) -> None:
        parting, self._parting = self._parting, []
        if not parting:
            super().commit()
            return
        # After a statement that fails the server looks at none of the others.
        with self.cursor() as cursor:
            cursor.execute(";".join((*parting, "COMMIT")))
            while cursor.nextset():
                pass

    def rollback(self) -> None:
        self._parting = []
        super().rollback()
