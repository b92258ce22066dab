/** The client library's address, for pages that have nothing else of it: `import { Bihak } from "/sdk.js"`. */

export * from "./sdk/sdk.js";
