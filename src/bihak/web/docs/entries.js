/** What the page lists, out of the OpenAPI and the AsyncAPI document. */

/** @typedef {{[name: string]: any}} Schema */
/** @typedef {{[name: string]: Schema}} Schemas */
/** @typedef {{title: string, schema: Schema, empty?: string}} Table */

/**
 * @typedef {Object} Entry
 * @property {"command" | "platform" | "event" | "error"} kind
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string[]} chips
 * @property {{method: string, path: string}} [route]
 * @property {Table[]} tables
 * @property {Schemas} schemas
 * @property {string} text  in small letters: what a search looks at
 */

/** @param {any} openapi @param {any} asyncapi @returns {Entry[]} */
export function entriesOf(openapi, asyncapi) {
  const routes = routesOf(openapi);
  const frames = framesOf(asyncapi, routes);
  const known = new Set(frames.map(({ name }) => name));
  const platform = [...routes.values()].filter(({ name }) => !known.has(name)).map((route) => httpOnly(openapi, route));
  return [...frames, ...platform, ...errorsOf(openapi)].map((entry) => ({ ...entry, text: textOf(entry) }));
}

/** @typedef {{name: string, method: string, path: string, operation: any}} Route */

/** @param {any} openapi @returns {Map<string, Route>} */
function routesOf(openapi) {
  const found = new Map();
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(/** @type {{[m: string]: any}} */ (methods))) {
      const name = operation.operationId;
      found.set(name, { name, method: method.toUpperCase(), path, operation });
    }
  }
  return found;
}

/** @param {any} asyncapi @param {Map<string, Route>} routes @returns {Omit<Entry, "text">[]} */
function framesOf(asyncapi, routes) {
  const { messages, schemas } = asyncapi.components;
  const message = (/** @type {{$ref: string}} */ ref) => messages[ref.$ref.split("/").at(-1) ?? ""];
  return Object.entries(asyncapi.operations).map(([key, operation]) => {
    const isCommand = operation.action === "receive";
    const asked = message(operation.messages[0]);
    const answers = (operation.reply?.messages ?? []).map(message).filter((/** @type {any} */ m) => m.name !== "error");
    const route = routes.get(asked.name);
    return {
      kind: isCommand ? "command" : "event",
      id: key,
      name: asked.name,
      description: operation.description,
      chips: isCommand
        ? [operation["x-needs-auth"] ? "" : "before auth too"].filter(Boolean)
        : [operation["x-durable"] ? "durable" : "best effort"],
      ...(isCommand && route ? { route: { method: route.method, path: route.path } } : {}),
      tables: [
        { title: isCommand ? "Asks with" : "Fields", schema: asked.payload, empty: "No fields." },
        ...answers.map((/** @type {any} */ m) => ({ title: `Reply: ${m.name}`, schema: m.payload, empty: "No fields." })),
        ...(isCommand && answers.length === 0 ? [{ title: "Reply", schema: {}, empty: "None, but for an error." }] : []),
      ],
      schemas,
    };
  });
}

/** @param {any} openapi @param {Route} route @returns {Omit<Entry, "text">} */
function httpOnly(openapi, { name, method, path, operation }) {
  const { schemas } = openapi.components;
  const tables = [];
  const parameters = operation.parameters ?? [];
  const properties = Object.fromEntries(parameters.map((/** @type {any} */ p) => [p.name, p.schema]));
  const required = parameters.filter((/** @type {any} */ p) => p.required).map((/** @type {any} */ p) => p.name);
  if (parameters.length > 0) tables.push({ title: "Path and query", schema: { properties, required } });
  const body = operation.requestBody?.content["application/json"].schema;
  if (body) tables.push({ title: "Body", schema: body });
  const success = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  const reply = success?.[1].content?.["application/json"].schema;
  if (success && reply) tables.push({ title: `Reply: ${success[0]}`, schema: reply });
  const kind = operation.tags.includes("platform") ? "platform" : "command";
  return { kind, id: name, name, description: operation.description, chips: [], route: { method, path }, tables, schemas };
}

/** @param {any} document @returns {Omit<Entry, "text">[]} */
function errorsOf(document) {
  const errors = document["x-errors"].map((/** @type {any} */ error) => ({
    kind: "error",
    id: `error-${error.code}`,
    name: error.code,
    description: error.description,
    chips: [`HTTP ${error.http_status}`, error.retryable ? "retryable" : "final"],
    tables: [],
    schemas: {},
  }));
  const closes = document["x-close-codes"].map((/** @type {any} */ close) => ({
    kind: "error",
    id: `close-${close.code}`,
    name: String(close.code),
    description: close.name.replaceAll("_", " "),
    chips: ["close code"],
    tables: [],
    schemas: {},
  }));
  return [...errors, ...closes];
}

/** @param {Omit<Entry, "text">} entry */
function textOf({ name, description, chips, route, tables, schemas }) {
  const fields = tables.flatMap(({ title, schema }) => [title, ...Object.keys(resolve(schema, schemas).properties ?? {})]);
  return [name, description, ...chips, route?.method, route?.path, ...fields].join(" ").toLowerCase();
}

/** What a reference stands for. @param {Schema} schema @param {Schemas} schemas @returns {Schema} */
export function resolve(schema, schemas) {
  return schema.$ref ? (schemas[schema.$ref.split("/").at(-1)] ?? {}) : schema;
}
