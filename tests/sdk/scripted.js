/** The edge of the network: sockets whose other end is a script. */

import assert from "node:assert/strict";

import { Bihak } from "../../src/bihak/web/sdk/sdk.js";

/** The server's end of one socket. */
export class Connection {
  #frames = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    /** Told by the client's end. */
    this.closed = null;
  }

  /** What the client has sent next, which must be of that type. */
  async receive(type) {
    const frame = this.#frames.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    assert.equal(frame.type, type, JSON.stringify(frame));
    return frame;
  }

  /** What the client has sent and nobody has received. */
  get rest() {
    return this.#frames;
  }

  /** Takes a frame of the client. */
  take(text) {
    const frame = JSON.parse(text);
    if (this.#waiting.length > 0) this.#waiting.shift()(frame);
    else this.#frames.push(frame);
  }

  say(...frames) {
    for (const frame of frames) this.socket.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(code, reason = "") {
    this.socket.readyState = 3;
    this.socket.onclose?.({ code, reason });
  }

  /** Receives `auth` and answers it. `heads` is an object: conversation_id to last_seq. */
  async welcome(heads = {}, more = {}) {
    const asked = await this.receive("auth");
    this.say({ ...welcomeOf(heads), request_id: asked.request_id, ...more });
    return asked;
  }
}

export class ScriptedServer {
  #arrived = [];
  #waiting = [];

  constructor() {
    const server = this;
    this.Socket = class {
      readyState = 0;
      onopen = null;
      onmessage = null;
      onclose = null;
      onerror = null;

      constructor(url) {
        this.url = url;
        this.connection = new Connection(this);
        queueMicrotask(() => server.#arrive(this));
      }

      send(text) {
        this.connection.take(text);
      }

      close(code) {
        this.readyState = 3;
        this.connection.closed = code ?? 1005;
      }
    };
  }

  /** The next socket, open. */
  async accept() {
    const socket = await this.#next();
    socket.readyState = 1;
    socket.onopen?.();
    return socket.connection;
  }

  /** The next socket, which will never open; nobody has told it yet. */
  async refuse() {
    const socket = await this.#next();
    socket.readyState = 3;
    return socket.connection;
  }

  /** Sockets that were opened and that nobody has accepted. */
  get knocking() {
    return this.#arrived.length;
  }

  async #next() {
    return this.#arrived.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
  }

  #arrive(socket) {
    if (this.#waiting.length > 0) this.#waiting.shift()(socket);
    else this.#arrived.push(socket);
  }
}

/** A client of user_1 that waits for nothing between two attempts, unless told otherwise. */
export function clientOf(server, options = {}) {
  const who = options.token ? {} : { participant: { participant_type: "user", participant_id: 1 } };
  return new Bihak({ url: "http://chat.example/", WebSocket: server.Socket, random: () => 0, ...who, ...options });
}

/** What it tells from now on, of that type. */
export function record(bihak, type) {
  const told = [];
  bihak.on(type, (detail) => told.push(detail));
  return told;
}

/** The next of that type, for which `isIt`. */
export function next(bihak, type, isIt = () => true) {
  return new Promise((resolve) => {
    const off = bihak.on(type, (detail) => {
      if (!isIt(detail)) return;
      off();
      resolve(detail);
    });
  });
}

/** Whatever was to happen without waiting for anybody has happened. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

export const welcomeOf = (heads) => ({
  type: "auth_success",
  user_id: "user_1",
  participant_type: "user",
  participant_id: 1,
  name: "Ann",
  conversations: Object.keys(heads).map(Number),
  heads: Object.entries(heads).map(([id, last_seq]) => ({ conversation_id: Number(id), last_seq })),
  limits: { max_frame_bytes: 4096, max_content_chars: 1000, resume_events: 1000 },
});

export const message = (conversation_id, seq, more = {}) => ({
  type: "new_message",
  conversation_id,
  seq,
  message_id: 100 + seq,
  sender_type: "user",
  sender_id: 2,
  sender_name: "Bob",
  content: `message ${seq}`,
  created_at: "2026-01-31T12:00:00.000Z",
  ...more,
});

/** A token of that person, as far as anybody can tell who does not check it. */
export function tokenOf(userId, more = "") {
  const part = (fields) => Buffer.from(JSON.stringify(fields)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub: userId, more })}.signature`;
}
