/** What a page says of its widget, in its tag or in code. */

/**
 * @typedef {Object} Options
 * @property {string} [tokenUrl]  of the page's own origin: answers with the token of whoever is signed in, as text or as
 *   `{"token": ...}`, or with 401, 403 or 204 when nobody is
 * @property {() => string | null | Promise<string | null>} [token]  instead of `tokenUrl`; null when nobody is signed in
 * @property {string} [participant]  in trusted mode, instead of a token: a user_id
 * @property {string} [user]  whose token it will be: then the last visit's messages are there without network
 * @property {string | number} [open]  what the bubble opens: a user_id, a conversation_id, or the list
 * @property {boolean} [opened]  opens it at once
 * @property {"left" | "right"} [position]
 * @property {"none"} [bubble]  no bubble: the page opens it by itself
 * @property {"light" | "dark"} [colorScheme]  else as the page's own `color-scheme`
 * @property {string} [language]  such as `fr`, for those who have chosen none in the settings
 * @property {string} [server]  the address that the script came from, unless told
 */

const NOBODY = [204, 401, 403];

/** Nobody is signed in to the platform, so there is nothing to show. */
export class NobodySignedIn extends Error {}

/** @param {DOMStringMap} dataset @returns {Options} */
export function fromTag({ opened, ...dataset }) {
  return { .../** @type {Options} */ (dataset), opened: opened !== undefined && opened !== "false" };
}

/**
 * How the client library signs in.
 * @param {Options} options
 * @returns {Pick<import("../sdk/contract.js").Options, "token" | "participant" | "userId">}
 */
export function credentialsOf({ participant, token, tokenUrl, user }) {
  if (participant) return { participant: identityOf(participant) };
  const ask = token ?? (() => fetchToken(tokenUrl ?? ""));
  const require = async () => {
    const given = await ask();
    if (!given) throw new NobodySignedIn();
    return given;
  };
  return { token: require, userId: user };
}

/** @param {string} url @returns {Promise<string | null>} */
async function fetchToken(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json, text/plain" } });
  if (NOBODY.includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const text = (await answer.text()).trim();
  return text.startsWith("{") ? JSON.parse(text).token : text;
}

/** @param {string} userId @returns {import("../sdk/wire.js").Identity} */
function identityOf(userId) {
  const cut = userId.lastIndexOf("_");
  return { participant_type: userId.slice(0, cut), participant_id: Number(userId.slice(cut + 1)) };
}
