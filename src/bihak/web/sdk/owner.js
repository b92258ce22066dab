/** Whose a connection is, as far as can be told before the server has said so. */

/**
 * @param {{token?: unknown, participant_type?: string, participant_id?: number}} credential
 * @returns {string | null} a user_id; null for a token that only the server can read
 */
export function ownerOf({ token, participant_type, participant_id }) {
  if (typeof token === "string") return subjectOf(token);
  return participant_type === undefined ? null : `${participant_type}_${participant_id}`;
}

/**
 * The `sub` of a JWT, unchecked: it only tells which drawer to open, and the server has the last word.
 * @param {string} token
 */
function subjectOf(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { sub } = JSON.parse(atob(claims));
    return typeof sub === "string" ? sub : null;
  } catch {
    return null;
  }
}

/** One for each person on each server. @param {string} url @param {string} userId */
export function databaseName(url, userId) {
  const { host, pathname } = new URL(url);
  return `bihak ${host}${pathname} ${userId}`;
}
