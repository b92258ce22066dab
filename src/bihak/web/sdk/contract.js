/** What the client library is given, and what it tells. */

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./outbox.js").Entry} Entry */

/** @typedef {"closed" | "connecting" | "ready" | "waiting" | "refused"} State */
/** @typedef {{state: State, retryInMs?: number, code?: string, message?: string}} StateChange */

/**
 * @typedef {Object} Options
 * @property {string} url  of the server, ws: or wss:
 * @property {string | (() => Promise<string>)} [token]  a function is asked for a fresh one whenever it is needed
 * @property {import("./wire.js").Identity} [participant]  in trusted mode, instead of a token
 * @property {string} [device]
 * @property {import("./outbox.js").Shelf} [storage]  keeps unsent messages over a reload
 * @property {string} [storageName]
 * @property {() => number} [random]
 */

/**
 * @typedef {Object} Events
 * @property {Frame} event  every event of the server, whatever its type
 * @property {Welcome} ready  authenticated; what is not replayed by a resume is to be fetched now
 * @property {{conversation_id: number}} resync  too much was missed: fetch this conversation anew
 * @property {Entry} outbox  a message of ours changed its state
 * @property {StateChange} state
 * @property {import("./wire.js").Failure} error  an error that belongs to no request
 */

export {};
