/** What is written is sent once and in order, over lost connections, reloads, and two tabs at once. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryShelf } from "../../src/bihak/web/sdk/database.js";
import { clientOf, message, next, record, ScriptedServer, settled } from "./scripted.js";

/** What a server has stored, whoever is connected to it. */
class Stored {
  messages = [];

  /** Stores a request once, and returns what its reply says. */
  store({ conversation_id, content, idempotency_key }) {
    const known = this.messages.find((each) => each.idempotency_key === idempotency_key);
    const seq = known?.seq ?? this.messages.length + 1;
    if (!known) this.messages.push({ conversation_id, content, idempotency_key, seq });
    return { type: "message_sent", message_id: 100 + seq, conversation_id, seq, created_at: "", duplicate: !!known };
  }

  get contents() {
    return this.messages.map(({ content }) => content);
  }
}

/** Receives `count` messages, stores them, and answers. */
async function serve(connection, stored, count) {
  for (let n = 0; n < count; n += 1) {
    const asked = await connection.receive("message");
    connection.say({ ...stored.store(asked), request_id: asked.request_id });
  }
}

const statesOf = (told) => told.map(({ content, state }) => `${content} ${state}`);

test("what is written without a connection waits for one, and then goes in order, one after the other", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const bihak = clientOf(server);
  const told = record(bihak, "outbox");
  for (const content of ["a", "b", "c"]) bihak.send(1, content);
  bihak.connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  const first = await connection.receive("message");
  await settled();
  assert.deepEqual(connection.rest, [], "the second waits for the first");
  connection.say({ ...stored.store(first), request_id: first.request_id });
  await serve(connection, stored, 2);
  await settled();
  assert.deepEqual(stored.contents, ["a", "b", "c"]);
  assert.deepEqual(statesOf(told), ["a sending", "b sending", "c sending", "a sent", "b sent", "c sent"]);
  assert.deepEqual(bihak.unsent(), []);
  bihak.close();
});

test("conversations do not wait for each other", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0, 2: 0 });
  await settled();
  for (const id of [1, 1, 2]) bihak.send(id, `in ${id}`);
  const ids = [await connection.receive("message"), await connection.receive("message")];
  assert.deepEqual(
    ids.map(({ conversation_id }) => conversation_id),
    [1, 2],
  );
  bihak.close();
});

test("a reply that was lost is made good by sending it again under the same key", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const bihak = clientOf(server).connect();
  const told = record(bihak, "outbox");
  let connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  for (const content of ["a", "b", "c"]) bihak.send(1, content);
  for (let lost = 0; lost < 3; lost += 1) {
    stored.store(await connection.receive("message"));
    connection.close(1006);
    connection = await server.accept();
    await connection.welcome({ 1: 0 });
    await serve(connection, stored, 1);
  }
  await settled();
  assert.deepEqual(stored.contents, ["a", "b", "c"]);
  assert.deepEqual(statesOf(told).slice(3), ["a sent", "b sent", "c sent"]);
  bihak.close();
});

test("a message's own event is as good as its reply", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  const { key } = bihak.send(1, "a");
  bihak.send(1, "b");
  await connection.receive("message");
  connection.say(message(1, 1, { sender_id: 3, idempotency_key: key })); // of somebody else, who may use any key
  assert.equal(bihak.unsent().length, 2);
  connection.say(message(1, 2, { sender_id: 1, idempotency_key: key }));
  assert.equal((await connection.receive("message")).content, "b");
  bihak.close();
});

test("refused for the moment it is tried again, before what was written after it", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  bihak.send(1, "a");
  bihak.send(1, "b");
  const { request_id } = await connection.receive("message");
  const refusal = { type: "error", code: "rate_limited", message: "", retryable: true, retry_after: 0.01 };
  connection.say({ ...refusal, request_id });
  await serve(connection, stored, 2);
  assert.deepEqual(stored.contents, ["a", "b"]);
  bihak.close();
});

test("refused for good it fails, and the next goes on; it can be sent again, or given up", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const bihak = clientOf(server).connect();
  const told = record(bihak, "outbox");
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  const refuse = async () => {
    const { request_id } = await connection.receive("message");
    connection.say({ type: "error", code: "forbidden", message: "Not here.", retryable: false, request_id });
  };
  const [a] = ["a", "b"].map((content) => bihak.send(1, content));
  await refuse();
  await serve(connection, stored, 1);
  await settled();
  assert.deepEqual(
    bihak.unsent(1).map(({ content, state, reason, code }) => [content, state, reason, code]),
    [["a", "failed", "Not here.", "forbidden"]],
  );
  bihak.retry(a.key);
  await serve(connection, stored, 1);
  const d = bihak.send(1, "d");
  await refuse();
  await settled();
  bihak.discard(d.key);
  await settled();
  assert.deepEqual(stored.contents, ["b", "a"]);
  assert.deepEqual(bihak.unsent(), []);
  assert.equal(told.at(-1).state, "discarded");
  bihak.close();
});

test("a sent message is told to be read once, when somebody else has read up to it", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  for (const content of ["a", "b", "c"]) bihak.send(1, content);
  await serve(connection, stored, 3);
  await settled();
  const told = record(bihak, "outbox");
  const read = (user_id, message_id) => ({ type: "message_read", conversation_id: 1, user_id, message_id });
  connection.say(read("user_1", 103), read("user_2", 102), read("user_2", 101), read("user_3", 102));
  assert.deepEqual(statesOf(told), ["a read", "b read"]);
  // Message 104 is of somebody else. Reads that happened while we were away come with the conversations.
  for (const seq of [1, 2, 3, 4]) connection.say(message(1, seq));
  const asked = bihak.conversations();
  const { request_id } = await connection.receive("conversations");
  const participants = [{ user_id: "user_2", last_read_message_id: 104 }];
  connection.say({ type: "conversations", conversations: [{ conversation_id: 1, participants }], request_id });
  await asked;
  assert.deepEqual(statesOf(told), ["a read", "b read", "c read"]);
  bihak.close();
});

test("what was written survives a reload, and what failed is shown again", async () => {
  const [server, stored, storage] = [new ScriptedServer(), new Stored(), new MemoryShelf()];
  const before = clientOf(server, { storage }).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  for (const content of ["bad", "a", "b"]) before.send(1, content);
  const { request_id } = await connection.receive("message");
  connection.say({ type: "error", code: "forbidden", message: "", retryable: false, request_id });
  stored.store(await connection.receive("message")); // "a" is stored, and its reply never comes
  before.close();

  const after = clientOf(server, { storage });
  const told = record(after, "outbox");
  await settled();
  assert.deepEqual(statesOf(told), ["bad failed", "a sending", "b sending"]);
  after.send(1, "c");
  after.connect();
  const second = await server.accept();
  await second.welcome({ 1: 0 });
  await serve(second, stored, 3);
  await settled();
  assert.deepEqual(stored.contents, ["a", "b", "c"]);
  assert.deepEqual(statesOf(after.unsent()), ["bad failed"]);
  after.close();
});

test("two tabs that both send cannot double or reorder anything", async () => {
  const [server, stored, storage] = [new ScriptedServer(), new Stored(), new MemoryShelf()];
  const tabs = [clientOf(server, { storage }), clientOf(server, { storage })];
  for (let n = 0; n < 10; n += 1) tabs[n % 2].send(1, `${n}`);
  await settled();
  for (const tab of tabs) tab.connect();
  const serveTab = async () => {
    const connection = await server.accept();
    await connection.welcome({ 1: 0 });
    while (stored.messages.length < 10) await Promise.race([serve(connection, stored, 1), settled()]);
  };
  await Promise.all([serveTab(), serveTab()]);
  await settled();
  assert.deepEqual(stored.contents, [..."0123456789"]);
  assert.deepEqual(await storage.all(), []);
  for (const tab of tabs) tab.close();
});

test("a storage that is full costs the safety net and not the message", async () => {
  const [server, stored] = [new ScriptedServer(), new Stored()];
  const full = () => Promise.reject(new Error("QuotaExceededError"));
  const storage = { all: async () => [], next: async () => undefined, put: full, delete: full, clear: full };
  const bihak = clientOf(server, { storage }).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  bihak.send(1, "a");
  bihak.send(1, "b");
  await serve(connection, stored, 2);
  assert.deepEqual(stored.contents, ["a", "b"]);
  bihak.close();
});

test("what a slow storage has not forgotten yet is not sent again", async () => {
  const [server, storage] = [new ScriptedServer(), new MemoryShelf()];
  let forget;
  const slow = new Promise((resolve) => (forget = resolve));
  const forgetting = storage.delete.bind(storage);
  storage.delete = (key) => slow.then(() => forgetting(key));
  const bihak = clientOf(server, { storage }).connect();
  const told = record(bihak, "outbox");
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  const { key } = bihak.send(1, "a");
  await connection.receive("message");
  connection.say(message(1, 1, { sender_id: 1, idempotency_key: key }));
  await settled();
  connection.close(1006);
  const second = await server.accept();
  await second.welcome({ 1: 1 });
  await settled();
  forget();
  await settled();
  assert.deepEqual([statesOf(told), second.rest, bihak.unsent()], [["a sending", "a sent"], [], []]);
  bihak.close();
});

test("signing out forgets what was not sent", async () => {
  const [server, storage] = [new ScriptedServer(), new MemoryShelf()];
  for (const end of [(bihak) => bihak.signOut(), async (_, connection) => connection.close(4403)]) {
    const bihak = clientOf(server, { storage }).connect();
    const connection = await server.accept();
    await connection.welcome({ 1: 0 });
    await settled();
    bihak.send(1, "a");
    await connection.receive("message");
    assert.equal((await storage.all()).length, 1);
    await end(bihak, connection);
    await settled();
    assert.deepEqual([await storage.all(), bihak.unsent()], [[], []]);
  }
});

test("many key strokes become few frames", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await settled();
  for (let n = 0; n < 50; n += 1) bihak.typing(1);
  const sent = next(bihak, "outbox");
  bihak.send(1, "there");
  await sent;
  await settled();
  const types = connection.rest.map(({ type }) => type);
  assert.deepEqual(types, ["typing_start", "typing_stop", "message"]);
  bihak.close();
});
