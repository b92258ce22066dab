/**
 * The service worker: answers from the network, and where there is none from what was kept.
 *
 * Only the client's own files are kept, never anything under /api.
 */

const KEPT = "bihak-files";

/** @type {any} */
const worker = self;

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("message", (/** @type {MessageEvent} */ { data }) => {
  for (const address of data.keep ?? []) if (isOurs(new Request(address))) void keep(address);
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  if (isOurs(event.request)) event.respondWith(answer(event.request));
});

/** @param {Request} request */
function isOurs({ method, url }) {
  const { origin, pathname } = new URL(url);
  const home = new URL(worker.registration.scope).pathname;
  const path = pathname.startsWith(home) ? pathname.slice(home.length) : "/";
  return method === "GET" && origin === location.origin && /^($|config\.json$|app\/|sdk\/)/u.test(path);
}

/** @param {Request} request */
async function answer(request) {
  try {
    const fresh = await fetch(request);
    if (fresh.ok) await (await caches.open(KEPT)).put(request, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await caches.match(request, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

/** @param {string} address */
async function keep(address) {
  const cache = await caches.open(KEPT);
  // The page has just asked for it, so the browser has the newest there is.
  const known = new Request(address, { cache: "force-cache" });
  if (!(await cache.match(address))) await cache.add(known).catch(() => {});
}
