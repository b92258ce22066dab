/** The library says what the server understands, all of it: both are compared with the server's own document. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Commands } from "../../src/bihak/web/sdk/commands.js";

const document = JSON.parse(readFileSync(process.env.BIHAK_ASYNCAPI, "utf8"));
const wire = readFileSync(new URL("../../src/bihak/web/sdk/wire.js", import.meta.url), "utf8");

/** Commands that have no method of their own name, for there is more to them than asking. */
const SERVED_OTHERWISE = ["auth", "message", "typing_start", "typing_stop"];

const CALLS = {
  conversations: [{ limit: 1, before: 2 }],
  conversation: [1],
  createConversation: ["team", ["user_2"], "name"],
  rename: [1, "name"],
  addParticipants: [1, ["user_2"]],
  removeParticipant: [1, "user_2"],
  leave: [1],
  history: [1, { before: 1, after: 2, limit: 3 }],
  edit: [1, "text"],
  delete: [1],
  react: [1, "👍"],
  unreact: [1, "👍"],
  pin: [1],
  unpin: [1],
  pins: [1],
  markRead: [1, 2],
  receipts: [1],
  unread: [],
  settings: [],
  updateSettings: [{ read_receipts: false }],
  setStatus: ["away"],
  statuses: [["user_2"]],
  status: ["user_2"],
  people: ["ann"],
  search: ["q", { conversation_id: 1, sender: "user_2", since: "s", until: "u", limit: 1, before: 2 }],
  notifications: [{ limit: 1, before: 2 }],
  markNotificationsRead: [[1]],
  subscribe: [1, 2],
  ping: [],
};

/** The server's frames of one direction, by type: the names of their fields. */
function framesOf(action) {
  const found = {};
  for (const operation of Object.values(document.operations)) {
    if (operation.action !== action) continue;
    const named = operation.messages[0].$ref.split("/").at(-1);
    const { name, payload } = document.components.messages[named];
    const schema = document.components.schemas[payload.$ref.split("/").at(-1)];
    found[name] = Object.keys(schema.properties).filter((field) => field !== "type" && field !== "request_id");
  }
  return found;
}

/** The names of a typedef's properties. */
function propertiesOf(typedef) {
  const body = wire.split(`@typedef {Object} ${typedef} `)[1].split("@typedef")[0];
  return [...body.matchAll(/@property .*\} (\w+)(?: |$)/gm)].map(([, name]) => name);
}

test("there is a method for each command, and it sends the command's fields", async () => {
  const asked = {};
  class Recorder extends Commands {
    request(type, fields = {}) {
      asked[type] = Object.keys(fields);
      return Promise.resolve({ conversation: {}, receipts: [], statuses: [], participants: [] });
    }
  }
  const recorder = new Recorder();
  const methods = Object.getOwnPropertyNames(Commands.prototype).filter((n) => n !== "constructor" && n !== "request");
  assert.deepEqual(methods.sort(), Object.keys(CALLS).sort());
  for (const [method, parameters] of Object.entries(CALLS)) await recorder[method](...parameters);
  const understood = framesOf("receive");
  for (const type of SERVED_OTHERWISE) delete understood[type];
  const sorted = (frames) => Object.entries(frames).map(([type, fields]) => `${type}: ${fields.sort()}`).sort();
  assert.deepEqual(sorted(asked), sorted(understood));
});

test("every reply and every event has a type", () => {
  const quiet = ["typing_start", "typing_stop"];
  const commands = Object.keys(framesOf("receive")).filter((type) => !quiet.includes(type));
  assert.deepEqual(propertiesOf("Replies").sort(), commands.sort());
  assert.deepEqual(propertiesOf("ServerEvents").sort(), Object.keys(framesOf("send")).sort());
});
