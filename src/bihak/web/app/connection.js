/** One calm line about the connection, there only while something is the matter. */

import { el, say } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */

/** A hiccup shorter than this is nobody's concern. */
const WORTH_TELLING_MS = 1_500;
const SECOND_MS = 1_000;

/** @param {Bihak} bihak */
export function connectionLine(bihak) {
  const text = el("span", { role: "status" });
  // Outside of what is read aloud: nobody wants to hear a countdown.
  const countdown = el("span", { class: "countdown" });
  const retry = el("button", { class: "link-button", type: "button", onclick: () => bihak.reconnectNow() });
  const node = el("div", { class: "connection" }, text, countdown, retry);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let telling;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let counting;
  let wasReady = bihak.state.state === "ready";
  let retryAtMs = performance.now() + (bihak.state.retryInMs ?? 0);

  const count = () => {
    const seconds = Math.ceil((retryAtMs - performance.now()) / SECOND_MS);
    say(countdown, seconds > 0 ? t("connection.retryIn", { count: seconds }) : "");
  };

  const tell = () => {
    const { state } = bihak.state;
    node.classList.add("shown");
    say(text, wording(state, wasReady));
    const isWaiting = state === "waiting" && navigator.onLine;
    say(retry, t("connection.now"));
    retry.hidden = countdown.hidden = !isWaiting;
    clearInterval(counting);
    if (!isWaiting) return;
    count();
    counting = setInterval(count, SECOND_MS);
  };

  const calm = () => {
    clearTimeout(telling);
    clearInterval(counting);
    telling = undefined;
    node.classList.remove("shown");
    retry.hidden = true;
    say(text, "");
  };

  const look = () => {
    // A network that is gone is known at once; its sockets find out much later.
    if (bihak.state.state === "ready" && navigator.onLine) calm();
    else if (node.classList.contains("shown")) tell();
    else telling ??= setTimeout(tell, WORTH_TELLING_MS);
  };

  const off = bihak.on("state", ({ state, retryInMs = 0 }) => {
    retryAtMs = performance.now() + retryInMs;
    wasReady ||= state === "ready";
    look();
  });
  addEventListener("offline", look);
  addEventListener("online", look);
  calm();
  if (bihak.state.state !== "closed") look();

  const end = () => {
    off();
    removeEventListener("offline", look);
    removeEventListener("online", look);
    clearTimeout(telling);
    clearInterval(counting);
  };
  return { node, end };
}

/** @param {import("../sdk/sdk.js").State} state @param {boolean} wasReady */
function wording(state, wasReady) {
  if (!navigator.onLine) return t("connection.offline");
  if (!wasReady) return state === "waiting" ? t("connection.unanswered") : t("connection.connecting");
  return state === "waiting" ? t("connection.lost") : t("connection.reconnecting");
}
