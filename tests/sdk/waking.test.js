/** When the network, or the one who looks, is back, nobody waits for a timer. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { clientOf, next, ScriptedServer, settled } from "./scripted.js";

beforeEach(() => {
  globalThis.window = new EventTarget();
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
});

afterEach(() => {
  delete globalThis.window;
  delete globalThis.document;
});

const sign = (target, type, more = {}) => target.dispatchEvent(Object.assign(new Event(type), more));

async function waiting() {
  const server = new ScriptedServer();
  const bihak = clientOf(server, { random: () => 1 }).connect();
  const connection = await server.accept();
  await connection.welcome();
  await settled();
  connection.close(4429);
  assert.equal(bihak.state.state, "waiting");
  return { server, bihak };
}

test("each sign of life brings it back at once", async () => {
  for (const give of [
    () => sign(window, "online"),
    () => sign(window, "pageshow", { persisted: true }),
    () => sign(document, "visibilitychange"),
    () => sign(document, "resume"),
  ]) {
    const { server, bihak } = await waiting();
    give();
    await (await server.accept()).welcome();
    await settled();
    assert.equal(bihak.state.state, "ready");
    bihak.close();
  }
});

test("nobody wakes for a page that is hidden, or has only just begun", async () => {
  const { server, bihak } = await waiting();
  sign(window, "pageshow", { persisted: false });
  document.hidden = true;
  sign(document, "visibilitychange");
  await settled();
  assert.equal(server.knocking, 0);
  bihak.close();
});

test("an attempt that was begun on the old network is begun anew", async () => {
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const stuck = await server.refuse();
  stuck.socket.readyState = 0;
  sign(document, "visibilitychange");
  await settled();
  assert.equal(server.knocking, 0);
  sign(window, "online");
  await (await server.accept()).welcome();
  assert.equal(stuck.closed, 1005);
  bihak.close();
});

test("a connection in doubt is asked, and given up when it stays silent", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const server = new ScriptedServer();
  const bihak = clientOf(server).connect();
  const connection = await server.accept();
  await connection.welcome();
  await new Promise(setImmediate);
  sign(window, "offline");
  await connection.receive("ping");
  connection.say({ type: "pong" });
  t.mock.timers.tick(4_000);
  assert.equal(bihak.state.state, "ready");
  sign(document, "visibilitychange");
  await connection.receive("ping");
  const waits = next(bihak, "state", ({ state }) => state === "waiting");
  t.mock.timers.tick(4_000);
  await waits;
  assert.equal(connection.closed, 1005);
  bihak.close();
});
