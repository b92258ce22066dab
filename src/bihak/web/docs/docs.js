/** The reference: commands, events, errors, read from the two documents beside this page. */

import { el, fill, find, say } from "../app/dom.js";
import { entriesOf } from "./entries.js";
import { fieldsTable, inline } from "./fields.js";

/** @typedef {import("./entries.js").Entry} Entry */

const GROUPS = /** @type {const} */ ([
  ["command", "Commands", "What clients ask: a frame on the WebSocket, most of them over HTTP too."],
  ["platform", "For the platform", "What the platform's back end asks, over HTTP; the bearer is the API key."],
  ["event", "Events", "What the server tells. Durable ones have a seq and come again on a resume."],
  ["error", "Errors", "The codes of errors, and of closed connections."],
]);

const content = find("#page-content");
const index = find("#page-index");
const search = /** @type {HTMLInputElement} */ (find("#page-search"));

/** @param {Entry} entry */
function article(entry) {
  return el(
    "article",
    { id: entry.id, class: "entry" },
    el("h3", {}, el("a", { href: `#${entry.id}` }, el("code", {}, entry.name)), ...entry.chips.map(chip)),
    entry.route && el("p", { class: "route" }, el("b", {}, entry.route.method), " ", el("code", {}, entry.route.path)),
    ...entry.description.split("\n\n").map((paragraph) => el("p", {}, ...inline(paragraph))),
    ...entry.tables.map(({ title, schema, empty }) => fieldsTable(title, schema, entry.schemas, empty)),
  );
}

/** @param {string} text */
const chip = (text) => el("span", { class: "chip" }, text);

/** @param {Entry[]} entries @param {string} words */
function show(entries, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = entries.filter((entry) => wanted.every((word) => entry.text.includes(word)));
  const groups = GROUPS.map(([kind, title, lead]) => ({
    title,
    lead,
    members: found.filter((entry) => entry.kind === kind),
  })).filter(({ members }) => members.length > 0);
  fill(
    content,
    ...groups.map(({ title, lead, members }) =>
      el("section", {}, el("h2", {}, title), el("p", { class: "lead" }, lead), ...members.map(article)),
    ),
    groups.length === 0 && el("p", { role: "status" }, `Nothing here has “${words}” in it.`),
  );
  fill(
    index,
    ...groups.flatMap(({ title, members }) => [
      el("h2", {}, title),
      el("ul", {}, ...members.map(({ id, name }) => el("li", {}, el("a", { href: `#${id}` }, name)))),
    ]),
  );
}

/** @param {string} name */
async function load(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

async function start() {
  try {
    const [openapi, asyncapi] = await Promise.all([load("openapi.json"), load("asyncapi.json")]);
    const entries = entriesOf(openapi, asyncapi);
    say(find("#page-version"), openapi.info.version);
    search.addEventListener("input", () => show(entries, search.value.trim()));
    show(entries, search.value.trim());
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  } catch {
    const again = el("button", { type: "button", onclick: () => void start() }, "Try again");
    fill(content, el("p", { role: "alert" }, "The documents cannot be fetched. "), again);
  }
  content.removeAttribute("aria-busy");
}

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
});

void start();
