/** What takes the server a while is asked for before the client itself is here. */

import { speak } from "./words.js";

/** @typedef {import("./app.js").Config} Config */

/** @returns {Promise<Config>} */
async function load() {
  const answer = await fetch("config.json");
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return answer.json();
}

/** @returns {Promise<Config>} who may come in, once there are words to say it in */
export const prepare = async () => (await Promise.all([load(), speak()]))[0];

/** The first try. @type {Promise<Config> | null} */
let first = prepare();
// Whoever takes it hears of it.
first.catch(() => {});

export function takeFirst() {
  const taken = first ?? prepare();
  first = null;
  return taken;
}
