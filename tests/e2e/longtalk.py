"""A conversation of a hundred thousand messages, put straight into a database that a server then opens."""

import sqlite3
from pathlib import Path

from tests.e2e.server import run_bihak

COUNT = 100_000
QUOTED = 50_000
"""The message that a late one replies to."""
QUOTING = COUNT - 3
READ_BY_SECOND = COUNT - 400

_FILL = f"""
INSERT INTO participants (participant_type, participant_id, name, shares_reads, created_ms, updated_ms)
    VALUES ('user', 1, 'Aline Uwase', 1, 1, 1), ('user', 2, 'Eric Mugisha', 1, 1, 1);
INSERT INTO conversations
    (id, conversation_type, direct_key, last_seq, last_message_ms, member_count, changed_ms, created_ms)
    VALUES (1, 'direct', 'user_1 user_2', {COUNT}, 1, 2, 1, 1);
INSERT INTO conversation_participants
    (conversation_id, participant_type, participant_id, joined_ms, last_read_seq, last_read_message_id)
    VALUES (1, 'user', 1, 1, {COUNT}, {COUNT}), (1, 'user', 2, 1, {READ_BY_SECOND}, {READ_BY_SECOND});
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {COUNT})
INSERT INTO messages (id, conversation_id, seq, sender_type, sender_id, content, reply_to_id, created_ms)
    SELECT n, 1, n, 'user', 1 + n / 3 % 2, 'No ' || n || '.' || substr('{" and more of it" * 20}', 1, n * 7919 % 320),
           CASE n WHEN {QUOTING} THEN {QUOTED} END, 1700000000000 + n * 60000
    FROM numbers;
INSERT INTO id_blocks (name, next_id) VALUES ('messages', {2 * COUNT})
    ON CONFLICT (name) DO UPDATE SET next_id = excluded.next_id;
"""


def write_long_talk(folder: Path) -> None:
    """Makes the database that a server started in `folder` opens; its people are user_1 and user_2."""
    made = run_bihak(folder, "db", "upgrade")
    assert made.returncode == 0, made.stderr
    connection = sqlite3.connect(folder / "bihak.db")
    with connection:
        connection.executescript(_FILL)
    connection.close()
