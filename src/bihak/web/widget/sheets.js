/**
 * The web client's style sheets, made fit for a corner of somebody else's page.
 *
 * There `rem` is the page's, so lengths become pixels. A rule of the page may match the shadow root's host and nothing
 * inside, so the tokens stand on an element inside, and each can be set from outside: `--bihak-accent` for `--accent`.
 */

/** Those of app.css, but for the first screen's. */
const SHEETS = [
  "tokens", "style", "faces", "fields", "finder", "sidebar", "dialog", "noticelist",
  "pane", "bubble", "tools", "composer", "popup", "contrast"
];
const OWN = "widget.css";
const REM_PX = 16;

/** @type {Promise<CSSStyleSheet[]> | null} */
let loaded = null;

/** @returns {Promise<CSSStyleSheet[]>} for `adoptedStyleSheets`; fetched once */
export function loadSheets() {
  loaded ??= Promise.all([...SHEETS.map((name) => `../app/${name}.css`), OWN].map(load)).catch((fault) => {
    loaded = null;
    throw fault;
  });
  return loaded;
}

/** @param {string} name */
async function load(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(adapt(await answer.text(), name));
  return sheet;
}

/** @param {string} css @param {string} name */
function adapt(css, name) {
  const inPixels = css.replace(/\b(\d*\.?\d+)rem\b/g, (_, rem) => `${rem * REM_PX}px`);
  return name.endsWith("tokens.css") ? openTokens(inPixels) : inPixels;
}

/** @param {string} css */
const openTokens = (css) =>
  css.replace(/:root,\s*:host/, ".widget").replace(/^(\s*)--([\w-]+): ([^;]+);/gm, "$1--$2: var(--bihak-$2, $3);");
