// The Node reference: what a plain server on `ws` and `mysql2` does for a message, and nothing more.
//
// One INSERT, one SELECT of the sender's name, one JSON text that is sent to every connection of the conversation, one
// reply. No tokens, no membership checks, no order, no resume, no limits, no presence: each would cost it more.

import { createServer } from "node:http";
import mysql from "mysql2/promise";
import { WebSocketServer } from "ws";

const pool = mysql.createPool({ uri: process.env.DATABASE_URL, connectionLimit: 10 });
const rooms = new Map(); // conversation id -> the connections in it

const INSERT = "INSERT INTO messages (conversation_id, sender_type, sender_id, content) VALUES (?, ?, ?, ?)";
const NAME = "SELECT name FROM people WHERE participant_type = ? AND participant_id = ?";
const CONVERSATIONS =
  "SELECT conversation_id FROM memberships WHERE participant_type = ? AND participant_id = ? ORDER BY conversation_id";

async function signIn(socket, { participant_type, participant_id }) {
  const [rows] = await pool.execute(CONVERSATIONS, [participant_type, participant_id]);
  socket.type = participant_type;
  socket.id = participant_id;
  socket.conversations = rows.map((row) => row.conversation_id);
  for (const id of socket.conversations) {
    if (!rooms.has(id)) rooms.set(id, new Set());
    rooms.get(id).add(socket);
  }
  const user_id = `${participant_type}_${participant_id}`;
  socket.send(JSON.stringify({ type: "auth_success", user_id, conversations: socket.conversations }));
}

async function say(socket, { conversation_id, content, temp_id }) {
  const [{ insertId: message_id }] = await pool.execute(INSERT, [conversation_id, socket.type, socket.id, content]);
  const [[person]] = await pool.execute(NAME, [socket.type, socket.id]);
  const text = JSON.stringify({
    type: "new_message",
    message_id,
    conversation_id,
    sender_type: socket.type,
    sender_id: socket.id,
    sender_name: person.name,
    content,
    created_at: new Date().toISOString(),
  });
  for (const other of rooms.get(conversation_id) ?? []) if (other.readyState === 1) other.send(text);
  socket.send(JSON.stringify({ type: "message_sent", message_id, temp_id }));
}

const handlers = { auth: signIn, message: say, ping: (socket) => socket.send('{"type":"pong"}') };

const http = createServer((_, response) => response.end("A reference of the benchmark.\n"));
new WebSocketServer({ server: http, maxPayload: 102400 }).on("connection", (socket) => {
  socket.conversations = [];
  socket.on("message", (bytes) => {
    const frame = JSON.parse(bytes);
    Promise.resolve(handlers[frame.type]?.(socket, frame)).catch((fault) =>
      socket.send(JSON.stringify({ type: "error", message: String(fault) })),
    );
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const id of socket.conversations) rooms.get(id).delete(socket);
  });
});

http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => console.log(`listening ${http.address().port}`));
process.on("SIGTERM", () => process.exit(0));
