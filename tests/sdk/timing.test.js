/** When things are sent again, and how seldom: pauses at random, few frames for many key strokes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../src/bihak/web/sdk/link.js";
import { Typing } from "../../src/bihak/web/sdk/typing.js";
import { clientOf, record, ScriptedServer } from "./scripted.js";

test("a pause is any moment up to a ceiling that doubles, whatever the dice say", () => {
  const ceilings = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000];
  const pauses = ceilings.map(() => []);
  for (let client = 0; client < 2_000; client += 1) {
    const backoff = new Backoff();
    for (const row of pauses) row.push(backoff.nextMs());
  }
  for (const [n, row] of pauses.entries()) {
    assert.ok(row.every((pause) => pause >= 0 && pause <= ceilings[n]), `${n}: within bounds`);
    // Spread over all of it: each tenth has its share of 2000, give or take ten standard deviations.
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const share = row.filter((pause) => Math.floor((10 * pause) / ceilings[n]) === tenth).length;
      assert.ok(share > 66 && share < 334, `${n}: ${share} in tenth ${tenth}`);
    }
  }
  const backoff = new Backoff({ random: () => 1 });
  assert.deepEqual([backoff.nextMs(3_000), backoff.nextMs(), backoff.nextMs(30_000)], [3_000, 1_000, 30_000]);
  backoff.reset();
  assert.equal(backoff.nextMs(), 500);
});

test("typing is told every three seconds at most, and its end four seconds after the last key", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  const sent = [];
  const typing = new Typing((type, id) => sent.push(`${nowMs} ${type.slice(7)} ${id}`), () => nowMs);
  const pass = (ms) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  for (let stroke = 0; stroke < 70; stroke += 1) {
    typing.touch(1);
    pass(100);
  }
  typing.touch(2);
  pass(3_899);
  assert.deepEqual(sent, ["0 start 1", "3000 start 1", "6000 start 1", "7000 start 2"]);
  pass(1);
  assert.deepEqual(sent.slice(4), ["10900 stop 1"]);
  typing.disconnected();
  pass(60_000);
  typing.stop(2);
  assert.equal(sent.length, 5, "who is gone has nothing to stop");
});

test("a message refused for the moment is sent again when the server said, or at random", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const turn = () => new Promise(setImmediate);
  const server = new ScriptedServer();
  const bihak = clientOf(server, { random: () => 1 }).connect();
  const states = record(bihak, "outbox");
  const connection = await server.accept();
  await connection.welcome({ 1: 0 });
  await turn();
  bihak.send(1, "a");
  for (const [retry_after, waitMs] of [[7, 7_000], [undefined, 1_000], [undefined, 2_000]]) {
    const { request_id } = await connection.receive("message");
    connection.say({ type: "error", code: "rate_limited", message: "", retryable: true, retry_after, request_id });
    await turn();
    t.mock.timers.tick(waitMs - 1);
    await turn();
    assert.deepEqual(connection.rest, [], `not before ${waitMs}`);
    t.mock.timers.tick(1);
  }
  await connection.receive("message");
  assert.deepEqual(states.map(({ state }) => state), ["sending"]);
  bihak.close();
});
