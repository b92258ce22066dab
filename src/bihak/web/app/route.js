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
