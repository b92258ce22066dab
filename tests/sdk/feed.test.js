/** Each conversation's events come once and in order, whatever the wire does. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clientOf, message, record, ScriptedServer, settled, tokenOf } from "./scripted.js";

async function connected(heads, options = {}) {
  const server = new ScriptedServer();
  const bihak = clientOf(server, options).connect();
  const events = record(bihak, "event");
  const seqs = () => events.map(({ conversation_id, seq }) => `${conversation_id}:${seq}`);
  const connection = await server.accept();
  await connection.welcome(heads);
  await settled();
  return { server, bihak, connection, events, seqs };
}

test("what was seen before is dropped", async () => {
  const { bihak, connection, seqs } = await connected({ 1: 3 });
  connection.say(message(1, 3), message(1, 4), message(1, 4), message(1, 2), message(1, 5), message(1, 4));
  assert.deepEqual(seqs(), ["1:4", "1:5"]);
  bihak.close();
});

test("what is early waits for what is missing, which is asked for once", async () => {
  const { bihak, connection, seqs } = await connected({ 1: 3, 2: 0 });
  connection.say(message(1, 6), message(2, 1), message(1, 5), message(1, 7));
  assert.deepEqual(seqs(), ["2:1"]);
  const asked = await connection.receive("subscribe_conversation");
  assert.deepEqual([asked.conversation_id, asked.after_seq], [1, 3]);
  assert.deepEqual(connection.rest, []);
  connection.say({ type: "subscribed", conversation_id: 1, last_seq: 7, request_id: asked.request_id });
  connection.say(message(1, 4), message(1, 5), message(1, 6), message(1, 7));
  assert.deepEqual(seqs(), ["2:1", "1:4", "1:5", "1:6", "1:7"]);
  bihak.close();
});

test("what is early and then comes in order needs no replay", async () => {
  const { bihak, connection, seqs } = await connected({ 1: 3 });
  connection.say(message(1, 5), message(1, 4));
  assert.deepEqual(seqs(), ["1:4", "1:5"]);
  bihak.close();
});

test("a gap whose repair failed is repaired with the next sign of it", async () => {
  const { bihak, connection, seqs } = await connected({ 1: 3 });
  connection.say(message(1, 5));
  const failed = await connection.receive("subscribe_conversation");
  connection.say({ type: "error", code: "unavailable", retryable: true, message: "", request_id: failed.request_id });
  await settled();
  connection.say({ type: "pong", heads: [{ conversation_id: 1, last_seq: 5 }] });
  const again = await connection.receive("subscribe_conversation");
  assert.equal(again.after_seq, 3);
  connection.say(message(1, 4));
  assert.deepEqual(seqs(), ["1:4", "1:5"]);
  bihak.close();
});

test("a heartbeat tells what was lost at the end", async () => {
  const { bihak, connection } = await connected({ 1: 3, 2: 8 });
  const heads = [1, 2].map((conversation_id) => ({ conversation_id, last_seq: 8 }));
  connection.say({ type: "pong", heads });
  const asked = await connection.receive("subscribe_conversation");
  assert.deepEqual([asked.conversation_id, asked.after_seq], [1, 3]);
  assert.deepEqual(connection.rest, []);
  bihak.close();
});

test("a new connection resumes after the last event of each conversation", async () => {
  const { server, bihak, connection, seqs } = await connected({ 1: 3, 2: 0 });
  connection.say(message(1, 4), message(2, 1), message(2, 3));
  connection.close(1006);
  const second = await server.accept();
  const { resume } = await second.welcome({ 1: 6, 2: 3 });
  assert.deepEqual(resume, { 1: 4, 2: 1 });
  // The replay leaves out what our membership does not cover; a live event and repeats come in between.
  second.say(message(1, 4), message(1, 6), message(1, 7), message(2, 2), message(2, 3), message(2, 3));
  second.say({ type: "resumed", conversations: [1, 2].map((id) => ({ conversation_id: id, last_seq: 2 * id })) });
  assert.deepEqual(seqs(), ["1:4", "2:1", "1:6", "1:7", "2:2", "2:3"]);
  bihak.close();
});

test("where too much was missed one is told to fetch anew, and goes on from the head", async () => {
  const { server, bihak, connection, seqs } = await connected({ 1: 3 });
  const resyncs = record(bihak, "resync");
  connection.close(1006);
  const second = await server.accept();
  await second.welcome({ 1: 5000 });
  second.say({ type: "resumed", conversations: [{ conversation_id: 1, last_seq: 5000, resync: true }] });
  second.say(message(1, 5000), message(1, 5001));
  assert.deepEqual(resyncs, [{ conversation_id: 1 }]);
  assert.deepEqual(seqs(), ["1:5001"]);
  bihak.close();
});

test("a server restored from a backup counts on from what it has", async () => {
  const { server, bihak, connection, seqs } = await connected({ 1: 90 });
  connection.close(1006);
  const second = await server.accept();
  await second.welcome({ 1: 40 });
  second.say({ type: "resumed", conversations: [{ conversation_id: 1, last_seq: 40, resync: true }] }, message(1, 41));
  assert.deepEqual(seqs(), ["1:41"]);
  bihak.close();
});

test("a refreshed token replays nothing, so a hole behind it is a hole", async () => {
  const { bihak, connection, seqs } = await connected({ 1: 3 }, { token: () => tokenOf("user_1") });
  connection.say({ type: "error", code: "token_expired", message: "", retryable: false });
  await connection.welcome({ 1: 5 });
  const asked = await connection.receive("subscribe_conversation");
  assert.equal(asked.after_seq, 3);
  connection.say(message(1, 5));
  assert.deepEqual(seqs(), []);
  connection.say(message(1, 4));
  assert.deepEqual(seqs(), ["1:4", "1:5"]);
  bihak.close();
});

test("an event is told by its own name too, and may not pose as one of ours", async () => {
  const { bihak, connection } = await connected({ 1: 0 });
  const [messages, typing, outbox] = ["new_message", "user_typing", "outbox"].map((type) => record(bihak, type));
  connection.say(message(1, 1), { type: "user_typing", conversation_id: 1, is_typing: true }, { type: "outbox" });
  assert.deepEqual([messages.length, typing.length, outbox.length], [1, 1, 0]);
  bihak.close();
});

test("a conversation that one has left stays away", async () => {
  const { server, bihak, connection } = await connected({ 1: 3, 2: 4 });
  connection.say({ type: "participant_left", conversation_id: 1, seq: 4, user_id: "user_1", by: "user_1" });
  connection.close(1006);
  const { resume } = await (await server.accept()).welcome({ 2: 4 });
  assert.deepEqual(resume, { 2: 4 });
  bihak.close();
});
