"""A PyMySQL connection with two short cuts for the hot path: fewer round trips, and answers read in few steps.

The packets are those of https://mariadb.com/kb/en/clientserver-protocol/ .
"""

import select
import socket
from collections.abc import Callable, Sequence
from io import BufferedReader
from typing import Any

import pymysql
from pymysql import err
from pymysql.constants import CLIENT, COMMAND, CR, SERVER_STATUS

CHUNK_BYTES = 1 << 16
LEAST_ANSWER_BYTES = 11
"""Of a statement that has no rows to give."""
AWAIT_MS = 20
LONGEST_PACKET = 0xFFFFFF
"""Bytes; a longer one goes on in the next."""
OK, EOF, ERR = 0x00, 0xFE, 0xFF
NULL = 0xFB
SIZES = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes a length has that does not fit into the first one."""


class MysqlConnection(pymysql.connections.Connection):
    """Implements what `statement.run_at_commit` and `statement.run_texts` look for."""

    # What PyMySQL has for its own use, of which its stub says nothing.
    _rfile: BufferedReader
    _execute_command: Callable[[int, str], None]
    _force_close: Callable[[], None]
    _sock: socket.socket

    def __init__(self, *arguments: Any, client_flag: int = 0, **options: Any) -> None:
        self._parting: list[str] = []
        super().__init__(*arguments, client_flag=client_flag | CLIENT.MULTI_STATEMENTS, **options)

    def run_at_commit(self, sql: str, parameters: Sequence[object]) -> None:
        """Keeps a statement for the next `commit`, which raises what is wrong with it and then commits nothing.

        A round trip costs more than a small statement: the threads of both sides must be woken for it.
        """
        with self.cursor() as cursor:
            self._parting.append(cursor.mogrify(sql, tuple(parameters)))

    def commit(self) -> None:
        parting, self._parting = self._parting, []
        # After a statement that fails the server looks at none of the others.
        answer = self._ask(";".join((*parting, "COMMIT")))
        if parting:
            answer.wait_for(LEAST_ANSWER_BYTES * (len(parting) + 1))
        while True:
            packet = answer.next()
            if packet[0] != OK:
                raise answer.out_of_step()
            _, at = _number(packet, 1)
            _, at = _number(packet, at)
            if not self._note_status(packet, at) & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
                return

    def rollback(self) -> None:
        self._parting = []
        super().rollback()

    def read_texts(self, sql: str) -> list[tuple[str | None]]:
        """The rows of a SELECT of one column, as text. PyMySQL's own way takes twice as long."""
        answer = self._ask(sql)
        if answer.next()[0] != 1:
            raise answer.out_of_step()
        while answer.next()[0] != EOF:
            pass  # what the column is called, and of what kind it is
        rows: list[tuple[str | None]] = []
        while True:
            packet = answer.next()
            first = packet[0]
            if first < NULL:
                rows.append((packet[1:].decode(),))
            elif first == NULL:
                rows.append((None,))
            elif first == EOF and len(packet) < 9:
                self._note_status(packet, 3)
                return rows
            else:
                rows.append((packet[1 + SIZES[first] :].decode(),))

    def _ask(self, sql: str) -> "_Answer":
        # This sets the socket's timeout, which is the same for writing and for reading here.
        self._execute_command(COMMAND.COM_QUERY, sql)
        return _Answer(self)

    def _note_status(self, packet: bytes, at: int) -> int:
        self.server_status: int = int.from_bytes(packet[at : at + 2], "little")
        return self.server_status


class _Answer:
    """What the server says to one command, packet by packet, read from the socket in as few steps as there are."""

    __slots__ = ("_at", "_connection", "_expected", "_read")

    def __init__(self, connection: MysqlConnection) -> None:
        self._connection = connection
        self._read = b""
        self._at = 0
        self._expected = 1

    def next(self) -> bytes:
        """The next packet. Raises what the server says is wrong, or OperationalError if it is gone."""
        packet, is_whole = self._take()
        while not is_whole:
            more, is_whole = self._take()
            packet += more
        if packet[0] == ERR:
            err.raise_mysql_exception(packet)
        return packet

    def out_of_step(self) -> err.OperationalError:
        """Ends a connection that answers what was not asked."""
        self._connection._force_close()
        return err.OperationalError(CR.CR_COMMANDS_OUT_OF_SYNC, "Command Out of Sync")

    def wait_for(self, least_bytes: int) -> None:
        """Sleeps until so much has come, or for AWAIT_MS: a refusal may be shorter, and a lock may be waited for.

        The server sends the answer to each statement by itself. Whoever woke up for each would have to be given the
        interpreter each time, and would keep the server from the next statement where they share a core. (Over a socket
        that is a file, this returns at the first of them.)
        """
        end = self._connection._sock
        poll = select.poll()
        try:
            poll.register(end, select.POLLIN)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least_bytes)
            try:
                poll.poll(AWAIT_MS)
            finally:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        except OSError as fault:
            raise self._lost(str(fault)) from fault

    def _take(self) -> tuple[bytes, bool]:
        at = self._at
        if len(self._read) < at + 4:
            at = self._receive(at, 4)
        read = self._read
        size = int.from_bytes(read[at : at + 3], "little")
        if read[at + 3] != self._expected:
            raise self._lost("it said something else")  # MariaDB's last word when it shuts down has the number 0
        self._expected = self._expected + 1 & 0xFF
        if len(read) < at + 4 + size:
            at = self._receive(at, 4 + size)
            read = self._read
        self._at = end = at + 4 + size
        return read[at + 4 : end], size < LONGEST_PACKET

    def _receive(self, at: int, count: int) -> int:
        """Reads on until there are so many bytes from that place, which is then the one returned."""
        stream = self._connection._rfile
        parts = [self._read[at:]]
        missing = count - len(parts[0])
        try:
            while missing > 0:
                part = stream.read1(max(missing, CHUNK_BYTES))
                if not part:
                    raise self._lost("it closed the connection")
                parts.append(part)
                missing -= len(part)
        except OSError as fault:
            raise self._lost(str(fault)) from fault
        self._read = b"".join(parts)
        return 0

    def _lost(self, why: str) -> err.OperationalError:
        self._connection._force_close()
        return err.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query ({why})")


def _number(packet: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and where the next field begins."""
    first = packet[at]
    if first < NULL:
        return first, at + 1
    end = at + 1 + SIZES[first]
    return int.from_bytes(packet[at + 1 : end], "little"), end
