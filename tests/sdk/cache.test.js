/** What the cache promises of its writing, over a database that takes its time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Cache } from "../../src/bihak/web/sdk/cache.js";

test("a flush waits for what is being written already", async () => {
  /** @type {(value?: unknown) => void} */
  let goOn = () => {};
  let written = 0;
  const database = {
    run: async () => {
      await new Promise((resolve) => (goOn = resolve));
      written += 1;
    },
  };
  const cache = new Cache();
  cache.adopt("user_1", Promise.resolve(/** @type {any} */ (database)));
  cache.told([]);
  void cache.flush();
  let isDone = false;
  const flushed = cache.flush().then(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([isDone, written], [false, 0]);
  goOn();
  await flushed;
  assert.equal(written, 1);
});
