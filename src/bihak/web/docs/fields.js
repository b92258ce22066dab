/** Schemas, as tables that people read. */

import { el } from "../app/dom.js";
import { resolve } from "./entries.js";

/** @typedef {import("./entries.js").Schema} Schema */
/** @typedef {import("./entries.js").Schemas} Schemas */

const OF_EVERY_FRAME = new Set(["type", "request_id"]);

/** @param {string} title @param {Schema} schema @param {Schemas} schemas @param {string} [empty] */
export function fieldsTable(title, schema, schemas, empty = "No fields.") {
  const { properties = {}, required = [] } = resolve(schema, schemas);
  const names = Object.keys(properties).filter((name) => !OF_EVERY_FRAME.has(name));
  if (names.length === 0) return el("p", { class: "no-fields" }, el("b", {}, title), " ", empty);
  const rows = names.map((name) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("code", {}, name), !required.includes(name) && el("span", { class: "optional" }, " optional")),
      el("td", {}, ...kindOf(properties[name], schemas)),
    ),
  );
  return el("table", {}, el("caption", {}, title), el("tbody", {}, ...rows));
}

/** @param {Schema} schema @param {Schemas} schemas @returns {(Node | string)[]} */
function kindOf(schema, schemas) {
  if (schema.$ref) return objectOf(schema, schemas);
  if (schema.anyOf) {
    return schema.anyOf.flatMap((/** @type {Schema} */ one, /** @type {number} */ at) =>
      at > 0 ? [" or ", ...kindOf(one, schemas)] : kindOf(one, schemas),
    );
  }
  if (schema.enum) return join(schema.enum.map((/** @type {unknown} */ value) => el("code", {}, String(value))));
  if (schema.type === "array") return ["list", ...limits(schema), " of ", ...kindOf(schema.items ?? {}, schemas)];
  return [schema.type ?? "anything", ...limits(schema)];
}

/** The fields of an object, folded away. @param {Schema} schema @param {Schemas} schemas */
function objectOf(schema, schemas) {
  const name = schema.$ref.split("/").at(-1);
  const details = el("details", {}, el("summary", {}, name));
  // Filled when it is opened: objects hold objects.
  details.addEventListener("toggle", () => {
    if (details.childElementCount === 1) details.append(fieldsTable(name, schema, schemas));
  });
  return [details];
}

const LIMITS = /** @type {const} */ ([
  ["minimum", "at least"],
  ["exclusiveMinimum", "above"],
  ["maximum", "at most"],
  ["minLength", "at least"],
  ["maxLength", "at most"],
  ["minItems", "at least"],
  ["maxItems", "at most"],
  ["pattern", "as in"],
]);

/** @param {Schema} schema @returns {string[]} */
function limits(schema) {
  const said = LIMITS.filter(([key]) => key in schema && schema[key] !== Number.MAX_SAFE_INTEGER).map(([key, words]) =>
    key.endsWith("Length") ? `${words} ${schema[key]} characters` : `${words} ${schema[key]}`,
  );
  if (schema.default !== undefined && schema.default !== null) said.push(`else ${JSON.stringify(schema.default)}`);
  return said.length > 0 ? [` (${said.join(", ")})`] : [];
}

/** @param {Node[]} nodes @returns {(Node | string)[]} */
const join = (nodes) => nodes.flatMap((node, at) => (at > 0 ? [", ", node] : [node]));

/** Text with `code` in it. @param {string} text @returns {(Node | string)[]} */
export function inline(text) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? el("code", {}, part) : part.replaceAll("\n", " ")));
}
