/** Who looks, and at what, in the address: a reload keeps it, and two tabs can be two people. */

/** @typedef {{as: string | null, conversationId: number | null, messageId: number | null}} Route */

/** @param {string} [hash] @returns {Route} */
export function currentRoute(hash = location.hash) {
  const fields = new URLSearchParams(hash.slice(1));
  return { as: fields.get("as"), conversationId: idOf(fields.get("c")), messageId: idOf(fields.get("m")) };
}

/**
 * Takes a token that the platform handed over as `#token=...` out of the address, so that neither the history nor a
 * link that somebody copies keeps it.
 * @returns {string | null}
 */
export function takeToken() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const token = fields.get("token");
  if (token === null) return null;
  fields.delete("token");
  history.replaceState(null, "", `${location.pathname}${location.search}${fields.size > 0 ? `#${fields}` : ""}`);
  return token;
}

export const hasToken = () => new URLSearchParams(location.hash.slice(1)).has("token");

/** The server's address. */
export const home = () => new URL(".", location.href).href;

/** @param {Partial<Route>} route @returns {string} */
export function hrefOf({ as, conversationId, messageId }) {
  const fields = new URLSearchParams();
  if (as) fields.set("as", as);
  if (conversationId) fields.set("c", String(conversationId));
  if (conversationId && messageId) fields.set("m", String(messageId));
  return `#${fields}`;
}

/** @param {Partial<Route>} route */
export function go(route) {
  location.hash = hrefOf(route);
}

/** Corrects the address without a step in the history. @param {Partial<Route>} route */
export function correct(route) {
  history.replaceState(history.state, "", hrefOf(route));
}

/** The way back from a conversation that a link led to is the list of them, and not out of the page. @param {Route} route */
export function putListBelow(route) {
  if (!route.conversationId || history.state?.hasListBelow) return;
  history.replaceState(null, "", hrefOf({ as: route.as }));
  history.pushState({ hasListBelow: true }, "", hrefOf(route));
}

/** @param {string | null} text */
function idOf(text) {
  const id = Number(text);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}
