/** One calm line about the connection, there only while something is the matter. */

import { el, say } from "./dom.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */

/** A hiccup shorter than this is nobody's concern. */
const WORTH_TELLING_MS = 800;

/** @param {Bihak} bihak */
export function connectionLine(bihak) {
  const text = el("span");
  const retry = el("button", { class: "link-button", type: "button", onclick: () => bihak.reconnectNow() }, "Try now");
  const node = el("div", { class: "connection", role: "status" }, text, retry);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let telling;
  let wasReady = false;

  const tell = () => {
    const { state } = bihak.state;
    node.classList.add("shown");
    retry.hidden = state !== "waiting";
    say(text, wording(state, wasReady));
  };

  const off = bihak.on("state", ({ state }) => {
    if (state === "ready") {
      clearTimeout(telling);
      telling = undefined;
      wasReady = true;
      node.classList.remove("shown");
      say(text, "");
      retry.hidden = true;
    } else if (node.classList.contains("shown")) tell();
    else telling ??= setTimeout(tell, WORTH_TELLING_MS);
  });
  retry.hidden = true;

  const end = () => {
    off();
    clearTimeout(telling);
  };
  return { node, end };
}

/** @param {import("../sdk/sdk.js").State} state @param {boolean} wasReady */
function wording(state, wasReady) {
  if (!navigator.onLine) return "You are offline. What you write is sent as soon as you are back.";
  if (!wasReady) return state === "waiting" ? "The server does not answer yet. Trying again soon…" : "Connecting…";
  return state === "waiting" ? "Connection lost. What you write is kept, and sent soon." : "Reconnecting…";
}
