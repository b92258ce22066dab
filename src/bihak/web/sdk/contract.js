/** What the client library is given, and what it tells. */

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./outbox.js").Entry} Entry */

/**
 * `waiting`: between two attempts. `refused`: the server will not have us, `code` says why: `invalid_token`,
 * `revoked` (the platform has ended the session), `another_person` (the token is of somebody else than before).
 *
 * @typedef {"closed" | "connecting" | "ready" | "waiting" | "refused"} State
 * @typedef {{state: State, retryInMs?: number, code?: string, message?: string}} StateChange
 */

/**
 * @typedef {Object} Options
 * @property {string} url  of the server; http(s) is as good as ws(s)
 * @property {string | (() => string | Promise<string>)} [token]  a function is asked for a fresh one whenever needed
 * @property {import("./wire.js").Identity} [participant]  in trusted mode, instead of a token
 * @property {string} [userId]  whose token the function will give: then what is cached can be shown without network
 * @property {string} [device]
 * @property {() => "online" | "away"} [status]  asked at each sign-in; else `online`
 * @property {import("./database.js").Shelf | null} [storage]  where unsent messages wait; in browsers IndexedDB, and
 *   memory elsewhere. `null`: memory, and no cache
 * @property {import("./link.js").SocketClass} [WebSocket]  for Node before 22: `import WebSocket from "ws"`
 * @property {() => number} [random]
 */

/**
 * @typedef {Object} OwnEvents
 * @property {Frame} event  every event of the server, whatever its type
 * @property {Welcome} ready  authenticated; what is not replayed by a resume is to be fetched now
 * @property {{conversation_id: number}} resync  too much was missed: fetch this conversation anew
 * @property {Entry} outbox  a message of ours changed its state
 * @property {StateChange} state
 * @property {import("./wire.js").Failure} error  an error that belongs to no request
 */

/** @typedef {OwnEvents & import("./wire.js").ServerEvents} Events */

export {};
