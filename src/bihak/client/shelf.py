"""Unsent messages in a file, so that what was written survives a crash of the client."""

import sqlite3
from pathlib import Path

from bihak.client.outbox import Draft

_TABLE = """
CREATE TABLE IF NOT EXISTS unsent (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    conversation_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    reply_to_id INTEGER,
    created_at TEXT NOT NULL
)
"""
_COLUMNS = ", ".join(Draft.__struct_fields__)


class FileShelf:
    """A Shelf in a small SQLite file, for one participant. Each change blocks until it is on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
        # What people write to each other is nobody else's to read.
        path.chmod(0o600)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_TABLE)

    def load(self) -> list[Draft]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM unsent ORDER BY place")
        return [Draft(**dict(zip(Draft.__struct_fields__, row, strict=True))) for row in rows]

    def put(self, draft: Draft) -> None:
        values = [getattr(draft, name) for name in Draft.__struct_fields__]
        self._database.execute(f"INSERT INTO unsent ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", values)

    def remove(self, key: str) -> None:
        self._database.execute("DELETE FROM unsent WHERE key = ?", [key])

    def close(self) -> None:
        self._database.close()
