/** Who looks, and at which conversation, in the address: a reload keeps it, and two tabs can be two people. */

/** @typedef {{as: string | null, conversationId: number | null}} Route */

/** @returns {Route} */
export function currentRoute() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const conversationId = Number(fields.get("c"));
  return {
    as: fields.get("as"),
    conversationId: Number.isSafeInteger(conversationId) && conversationId > 0 ? conversationId : null,
  };
}

/** @param {Partial<Route>} route @returns {string} */
export function hrefOf({ as, conversationId }) {
  const fields = new URLSearchParams();
  if (as) fields.set("as", as);
  if (conversationId) fields.set("c", String(conversationId));
  return `#${fields}`;
}

/** @param {Partial<Route>} route */
export function go(route) {
  location.hash = hrefOf(route);
}

/** Corrects the address without a step in the history. @param {Partial<Route>} route */
export function correct(route) {
  history.replaceState(null, "", hrefOf(route));
}
