/**
 * Runs the first client under Node: `node first_client_in_node.mjs ws://... user 1`. Each line of standard input is a
 * call such as ["say", 1, "Hello"]; each line of standard output is what it shows, such as ["message", "1 Ann: Hello"].
 */
import { createInterface } from "node:readline";
import { FirstClient } from "./first_client.mjs";

const [url, participantType, participantId] = process.argv.slice(2);
// Node has one of its own from version 22 on, and behind a flag in 20.
const Base = globalThis.WebSocket ?? (await import("./plain_websocket.mjs")).WebSocket;

/** Node 20 tells nobody of the close of a connection that was never made; browsers do. */
class WebSocket extends Base {
  static OPEN = 1;

  constructor(address) {
    super(address);
    let closed = false;
    this.addEventListener?.("close", () => (closed = true));
    this.addEventListener?.("error", () => setTimeout(() => closed || this.onclose?.(), 100));
  }
}

const show = (kind, text) => process.stdout.write(`${JSON.stringify([kind, text])}\n`);
const client = new FirstClient(url, participantType, Number(participantId), show, { WebSocket });
const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const [name, ...rest] = JSON.parse(line);
  client[name](...rest);
});
input.on("close", () => client.end());
