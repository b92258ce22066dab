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

  /** @typedef {typeof import("./widget/widget.js")} Module */

  /** @returns {import("./widget/widget.js").Controls} */
  function remoteControl() {
    let server = new URL(".", src).href;
    let loading = load();
    const run = (/** @type {(module: Module) => unknown} */ what) => loading.then(what);
    return {
      start: (options) => begin(({ start }) => start(options)),
      startTagged: (words, from) => {
        if (from !== server) changeTo(from);
        return begin(({ startTagged }) => startTagged(words, from));
      },
      open: (target) => run(({ open }) => open(target)),
      close: () => run(({ close }) => close()),
      end: () => run(({ end }) => end()),
      signOut: () => run(({ signOut }) => signOut()),
    };

    /** @returns {Promise<Module>} */
    function load() {
      // What is clicked before the module is here waits for it; from then on it listens by itself.
      document.addEventListener("click", clicked);
      const stop = () => document.removeEventListener("click", clicked);
      // Absolute: a classic script of another origin has no base for what it imports.
      const module = import(new URL("widget/widget.js", server).href);
      module.then(stop, stop);
      return module;
    }

    /** Each server is spoken with by its own modules: another one's may be of another version. @param {string} other */
    function changeTo(other) {
      if (isStarted)
        console.warn(`Bihak: one page, two servers: the widget of ${other} takes the place of that of ${server}.`);
      void run(({ end }) => end());
      server = other;
      loading = load();
    }

    /** @param {(module: Module) => unknown} how */
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
