/**
 * The one script tag that puts a chat bubble on a page; docs/embedding.md tells how.
 *
 * A classic script: only these know their own tag. It begins by itself where the tag says who is signed in, and leaves
 * `BihakWidget` behind, whose methods may be called at once.
 */

(() => {
  const { dataset, src } = /** @type {HTMLScriptElement} */ (document.currentScript);
  // Absolute: a classic script of another origin has no base for what it imports.
  /** @type {Promise<typeof import("./widget/widget.js")>} */
  const loading = import(new URL("widget/widget.js", src).href);
  const run = (/** @type {(module: typeof import("./widget/widget.js")) => unknown} */ what) => loading.then(what);
  /** @type {import("./widget/widget.js").Controls} */
  const controls = {
    start: (options) => run(({ start }) => start(options)),
    open: (target) => run(({ open }) => open(target)),
    close: () => run(({ close }) => close()),
    end: () => run(({ end }) => end()),
    signOut: () => run(({ signOut }) => signOut()),
  };
  Object.assign(globalThis, { BihakWidget: controls });
  if (dataset.tokenUrl || dataset.participant) void run(({ start, fromTag }) => start(fromTag(dataset)));
})();
