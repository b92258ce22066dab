/** Lets a reload without network find the client's own files again. What people wrote is not among them. */

const WORKER = "service.js";

/** To be called when all that somebody may open is here: what the page has fetched so far is kept. */
export async function keepForOffline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker || !globalThis.isSecureContext) return;
  try {
    await serviceWorker.register(trusted(WORKER));
    const { active } = await serviceWorker.ready;
    const files = performance.getEntriesByType("resource").map(({ name }) => name);
    active?.postMessage({ keep: [location.origin + location.pathname, ...files] });
  } catch {
    // A browser that will not keep them asks for them each time.
  }
}

/** The content security policy wants to know who made this address. @param {string} address @returns {any} */
function trusted(address) {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  const policy = trustedTypes?.createPolicy("bihak", { createScriptURL: (/** @type {string} */ url) => url });
  return policy?.createScriptURL(address) ?? address;
}
