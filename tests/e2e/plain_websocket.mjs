/** The client's half of RFC 6455 that the first client needs, for a Node without a WebSocket of its own: text frames. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class WebSocket {
  static OPEN = 1;
  readyState = 0;
  #received = Buffer.alloc(0);

  constructor(address) {
    const { hostname, port, host, pathname } = new URL(address);
    this.socket = connect(Number(port), hostname, () => {
      const key = randomBytes(16).toString("base64");
      const head = [`GET ${pathname} HTTP/1.1`, `Host: ${host}`, "Upgrade: websocket", "Connection: Upgrade"];
      head.push(`Sec-WebSocket-Key: ${key}`, "Sec-WebSocket-Version: 13", "", "");
      this.socket.write(head.join("\r\n"));
    });
    this.socket.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#read();
    });
    this.socket.on("error", () => this.onerror?.());
    this.socket.on("close", () => {
      this.readyState = 3;
      this.onclose?.();
    });
  }

  send(text) {
    this.#write(TEXT, Buffer.from(text));
  }

  close() {
    if (this.readyState === WebSocket.OPEN) this.#write(CLOSE, Buffer.from([3, 232]));
    this.readyState = 2;
  }

  #read() {
    if (this.readyState === 0) {
      const end = this.#received.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!this.#received.toString("latin1").startsWith("HTTP/1.1 101 ")) return void this.socket.destroy();
      this.#received = this.#received.subarray(end + 4);
      this.readyState = WebSocket.OPEN;
      this.onopen?.();
    }
    for (let frame = this.#take(); frame; frame = this.#take()) this.#handle(frame);
  }

  /** One whole frame of the server's, which carries no mask (RFC 6455 §5.1); undefined if it has not all come. */
  #take() {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < start + size) return undefined;
    this.#received = bytes.subarray(start + size);
    return { kind: bytes[0] & 0x0f, body: bytes.subarray(start, start + size) };
  }

  #handle({ kind, body }) {
    if (kind === TEXT) this.onmessage?.({ data: body.toString() });
    else if (kind === PING) this.#write(PONG, body);
    else if (kind === CLOSE) this.socket.end();
  }

  /** A client's frames are masked (RFC 6455 §5.3). */
  #write(kind, body) {
    const head = body.length < 126 ? Buffer.from([0x80 | kind, 0x80 | body.length]) : Buffer.alloc(4);
    if (body.length >= 126) {
      head.set([0x80 | kind, 0x80 | 126]);
      head.writeUInt16BE(body.length, 2);
    }
    const mask = randomBytes(4);
    this.socket.write(Buffer.concat([head, mask, body.map((byte, at) => byte ^ mask[at % 4])]));
  }
}
