/** Tokens, close codes, and when to come back. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clientOf, next, record, ScriptedServer, settled, tokenOf } from "./scripted.js";

const refusal = (asked, code = "invalid_token") => ({
  ...{ type: "error", code, message: "No.", retryable: false },
  request_id: asked.request_id,
});

test("a token function is asked before each connection", async () => {
  const server = new ScriptedServer();
  let made = 0;
  const bihak = clientOf(server, { token: async () => tokenOf("user_1", `${++made}`) }).connect();
  const first = await server.accept();
  const asked = [await first.welcome()];
  first.close(1006);
  const second = await server.accept();
  asked.push(await second.welcome());
  assert.deepEqual(
    asked.map(({ token }) => token),
    [tokenOf("user_1", "1"), tokenOf("user_1", "2")],
  );
  bihak.close();
});

test("a token function that fails is asked again later", async () => {
  const server = new ScriptedServer();
  let calls = 0;
  const token = () => (++calls === 1 ? Promise.reject(new Error("the platform is away")) : tokenOf("user_1"));
  const bihak = clientOf(server, { token }).connect();
  assert.equal((await server.accept()).rest.length, 0);
  await (await server.accept()).welcome();
  assert.equal(calls, 2);
  bihak.close();
});

test("an expired token is replaced on the open connection", async () => {
  const server = new ScriptedServer();
  let made = 0;
  const bihak = clientOf(server, { token: () => tokenOf("user_1", `${++made}`) }).connect();
  const connection = await server.accept();
  await connection.welcome({ 1: 3 });
  await settled();
  connection.say({ type: "error", code: "token_expired", message: "Your token has expired.", retryable: false });
  const { token, resume } = await connection.welcome({ 1: 3 });
  assert.deepEqual([token, resume], [tokenOf("user_1", "2"), undefined]);
  assert.equal(bihak.state.state, "ready");
  assert.equal(server.knocking, 0);
  bihak.close();
});

test("a refused token is worth one fresh one, and no more", async () => {
  for (const refuse of [
    async (connection) => connection.say(refusal(await connection.receive("auth"))),
    async (connection) => (await connection.receive("auth"), connection.close(4401)),
  ]) {
    const server = new ScriptedServer();
    let made = 0;
    const bihak = clientOf(server, { token: () => tokenOf("user_1", `${++made}`) }).connect();
    await refuse(await server.accept());
    const refused = next(bihak, "state", ({ state }) => state === "refused");
    await refuse(await server.accept());
    assert.equal((await refused).code, "invalid_token");
    await settled();
    assert.deepEqual([made, server.knocking], [2, 0]);
  }
});

test("a fixed token is not tried twice", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server, { token: tokenOf("user_1") }).connect();
  const connection = await server.accept();
  connection.say(refusal(await connection.receive("auth")));
  await next(bihak, "state", ({ state }) => state === "refused");
  await settled();
  assert.equal(server.knocking, 0);
});

test("what one has written is never sent as another", async () => {
  const server = new ScriptedServer();
  const people = ["user_1", "user_2", "user_2"];
  const bihak = clientOf(server, { token: () => tokenOf(people.shift()) }).connect();
  bihak.send(1, "from user_1");
  const first = await server.accept();
  await first.receive("auth");
  first.close(1006);
  const refused = next(bihak, "state", ({ state }) => state === "refused");
  const others = [await server.accept(), await server.accept()];
  assert.equal((await refused).code, "another_person");
  assert.deepEqual(others.flatMap(({ rest }) => rest), []);
});

/** What it does after that close code, in the middle of a session, with dice that always fall on the far end. */
async function after(code) {
  const server = new ScriptedServer();
  const bihak = clientOf(server, { random: () => 1 }).connect();
  const states = record(bihak, "state");
  const connection = await server.accept();
  await connection.welcome();
  await settled();
  connection.close(code);
  const { state, retryInMs, code: reason } = states.at(-1);
  bihak.send(1, "and now?");
  await settled();
  const hastened = server.knocking > 0;
  bihak.reconnectNow();
  await settled();
  const returned = server.knocking > 0;
  bihak.close();
  return { state, retryInMs, reason, hastened, returned };
}

test("every close code is answered as the protocol says", async () => {
  const soon = { state: "waiting", retryInMs: 500, reason: undefined, hastened: true, returned: true };
  for (const code of [1000, 1002, 1006, 1007, 1008, 1009, 1011, 4408]) assert.deepEqual(await after(code), soon, `${code}`);
  assert.deepEqual(await after(1001), { ...soon, retryInMs: 3_000 });
  assert.deepEqual(await after(1013), { ...soon, retryInMs: 6_000, hastened: false });
  assert.deepEqual(await after(4429), { ...soon, retryInMs: 60_000, hastened: false });
  const never = { state: "refused", retryInMs: undefined, hastened: false, returned: false };
  assert.deepEqual(await after(4401), { ...never, reason: "invalid_token" });
  assert.deepEqual(await after(4403), { ...never, reason: "revoked" });
});

test("the pauses double up to a limit, with full jitter", async () => {
  const server = new ScriptedServer();
  const dice = [0.5, 1, 0, 1, 1, 1, 1, 1];
  const bihak = clientOf(server, { random: () => dice.shift() }).connect();
  const pauses = [];
  for (const _ of [...dice]) {
    const connection = await server.accept();
    const waits = next(bihak, "state", ({ state }) => state === "waiting");
    connection.close(1006);
    pauses.push((await waits).retryInMs);
    bihak.reconnectNow();
  }
  assert.deepEqual(pauses, [250, 1_000, 0, 4_000, 8_000, 15_000, 15_000, 15_000]);
  bihak.close();
});

test("a connection that cannot be made is tried again, whether or not its end is told", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  for (const told of [["onerror"], ["onerror", "onclose"], ["onclose"]]) {
    const { socket } = await server.refuse();
    for (const type of told) socket[type]?.({ code: 1006, reason: "" });
  }
  await (await server.accept()).welcome();
  await settled();
  assert.deepEqual([bihak.state.state, server.knocking], ["ready", 0]);
  bihak.close();
});

test("a restored session forgets what it asked on the lost connection", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const first = await server.accept();
  await first.welcome({ 1: 3 });
  await settled();
  const lost = bihak.history(1);
  first.close(1006);
  await assert.rejects(lost, { code: "disconnected", retryable: true });
  await assert.rejects(bihak.history(1), { code: "disconnected" });
  const second = await server.accept();
  await second.welcome({ 1: 3 });
  await settled();
  const answered = bihak.history(1, { limit: 2 });
  const { request_id, limit } = await second.receive("history");
  second.say({ type: "history", messages: [], has_more: false, request_id });
  assert.deepEqual([limit, (await answered).messages], [2, []]);
  bihak.close();
});

test("an error becomes a fault that says what to do about it", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome();
  await settled();
  const asked = bihak.edit(1, "");
  const { request_id } = await connection.receive("edit_message");
  const told = { message: "Empty.", code: "invalid_field", field: "content", retryable: false, retry_after: 2 };
  connection.say({ type: "error", ...told, request_id });
  await assert.rejects(asked, { name: "Fault", ...{ message: "Empty.", code: "invalid_field" }, field: "content" });
  bihak.close();
});

test("what is larger than the server takes is not sent at all", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome();
  await settled();
  const failed = next(bihak, "outbox", ({ state }) => state === "failed");
  bihak.send(1, "é".repeat(2_500));
  assert.equal((await failed).code, "too_large");
  assert.deepEqual(connection.rest, []);
  bihak.close();
});
