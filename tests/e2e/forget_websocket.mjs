/** Makes this Node one that has no WebSocket of its own. */
delete globalThis.WebSocket;
