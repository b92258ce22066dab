/**
 * The one script tag that puts a chat bubble on a page; docs/embedding.md tells how.
 *
 * A classic script: only these know their own tag. It begins by itself where the tag says who is signed in, and leaves
 * `BihakWidget` behind, whose methods may be called at once. There is one widget on a page, however many tags.
 */

(() => {
  const tag = document.currentScript;
  if (!(tag instanceof HTMLScriptElement)) throw new Error("widget.js is a classic script: it takes no type=module");
  const { dataset, src } = tag;
  const page = /** @type {{BihakWidget?: import("./widget/widget.js").Controls}} */ (globalThis);
  let isStarted = false;
  const controls = (page.BihakWidget ??= remoteControl());
  if (dataset.tokenUrl || dataset.participant) void controls.startTagged({ ...dataset }, new URL(".", src).href);

  /** @returns {import("./widget/widget.js").Controls} */
  function remoteControl() {
    // Absolute: a classic script of another origin has no base for what it imports.
    /** @type {Promise<typeof import("./widget/widget.js")>} */
    const loading = import(new URL("widget/widget.js", src).href);
    const run = (/** @type {(module: typeof import("./widget/widget.js")) => unknown} */ what) => loading.then(what);
    // What is clicked before the module is here waits for it; from then on it listens by itself.
    document.addEventListener("click", clicked);
    const stop = () => document.removeEventListener("click", clicked);
    loading.then(stop, stop);
    return {
      start: (options) => begin(({ start }) => start(options)),
      startTagged: (words, server) => begin(({ startTagged }) => startTagged(words, server)),
      open: (target) => run(({ open }) => open(target)),
      close: () => run(({ close }) => close()),
      end: () => run(({ end }) => end()),
      signOut: () => run(({ signOut }) => signOut()),
    };

    /** @param {(module: typeof import("./widget/widget.js")) => unknown} how */
    function begin(how) {
      isStarted = true;
      return run(how);
    }
  }

  /** Where nothing was started, a link leads where it says. @param {MouseEvent} event */
  function clicked(event) {
    const link = event.target instanceof Element ? event.target.closest("[data-bihak-open]") : null;
    if (!link || !isStarted) return;
    event.preventDefault();
    void controls.open(link.getAttribute("data-bihak-open") ?? "");
  }
})();
