/** The second screen: the list of conversations beside the one that is open, or one of the two on a phone. */

import { connectionLine } from "./connection.js";
import { el, fill } from "./dom.js";
import { Pane } from "./pane.js";
import { Sidebar } from "./sidebar.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./route.js").Route} Route */

const CLOCK_EVERY_MS = 30_000;

/**
 * @param {HTMLElement} root @param {Bihak} bihak @param {Store} store @param {{leaveLabel: string}} options
 * @returns {{show: (route: Route) => void, end: () => void}}
 */
export function chat(root, bihak, store, { leaveLabel }) {
  const sidebar = new Sidebar(bihak, store, { leaveLabel });
  const pane = new Pane(bihak, store);
  const line = connectionLine(bihak);
  const frame = el("div", { class: "chat" }, line.node, sidebar.node, pane.node);
  fill(root, frame);

  /** @type {Route} */
  let route = { as: null, conversationId: null };

  const render = () => {
    sidebar.render(route);
    pane.render(route);
    const { unread } = store.state;
    const open = store.state.find(route.conversationId);
    const title = open ? `${store.state.titleOf(open)} · Bihak Messaging` : "Bihak Messaging";
    document.title = unread > 0 ? `(${unread}) ${title}` : title;
  };
  store.addEventListener("change", render);
  const clock = setInterval(render, CLOCK_EVERY_MS);

  return {
    show: (next) => {
      const moved = route.conversationId !== next.conversationId;
      route = next;
      frame.classList.toggle("has-open", route.conversationId !== null);
      if (moved) store.open(route.conversationId);
      render();
      if (moved) pane.entered();
    },
    end: () => {
      store.removeEventListener("change", render);
      clearInterval(clock);
      line.end();
      pane.end();
    },
  };
}
