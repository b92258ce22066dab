/** What takes the server a while is asked for before the client itself is here. */

import { speak, warmUp } from "./words.js";

/** @typedef {import("./app.js").Config} Config */

/** @returns {Promise<Config>} */
async function load() {
  const answer = await fetch("config.json");
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return answer.json();
}

/** @param {Promise<Config>} config @returns {Promise<Config>} who may come in, once there are words to say it in */
const prepare = async (config) => (await Promise.all([config, speak()]))[0];

export const firstConfig = load();
/** The first try. @type {Promise<Config> | null} */
let first = prepare(firstConfig);
// Whoever takes it hears of it.
first.catch(() => {});
warmUp();

export function takeFirst() {
  const taken = first ?? prepare(load());
  first = null;
  return taken;
}
