/**
 * A bot for Bihak Messaging: it throws dice and takes polls. README.md tells how to start it.
 *
 * It stands on the client library, which reconnects, resumes and sends each answer once; here is only what the bot says.
 */

import { Bihak } from "../../src/bihak/web/sdk/sdk.js";

const { BIHAK_URL = "http://localhost:8080", BIHAK_API_KEY, BIHAK_USER = "user_900", BIHAK_NAME = "Dicey" } = process.env;

const HELP = "!roll 2d6 throws dice. !poll Lunch at noon? asks everybody: answer with 👍 or 👎.";
const MOST_DICE = 20;

/** The platform's key makes the bot's tokens; the library asks for a new one whenever the last has expired. */
async function token() {
  const headers = { Authorization: `Bearer ${BIHAK_API_KEY}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ user_id: BIHAK_USER, name: BIHAK_NAME, expires_in: 3600 });
  const answer = await fetch(new URL("/api/tokens", BIHAK_URL), { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).token;
}

/** Without a key only the demo lets us in, which believes whoever comes. */
function trusted() {
  const [participant_type, id] = BIHAK_USER.split("_");
  return { participant: { participant_type, participant_id: Number(id) } };
}

/** By Node 22 and newer, by Node 20 with --experimental-websocket; otherwise by the package `ws`. */
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
const bihak = new Bihak({ url: BIHAK_URL, WebSocket, device: "bot", ...(BIHAK_API_KEY ? { token } : trusted()) });

bihak.on("new_message", (message) => {
  if (`${message.sender_type}_${message.sender_id}` === BIHAK_USER) return;
  const [, word, rest = ""] = /^!(\w+)\s*(.*)$/su.exec(message.content) ?? [];
  const answer = { help: () => HELP, roll, poll }[word]?.(rest);
  if (answer) bihak.send(message.conversation_id, answer, { replyToId: message.message_id });
});

bihak.on("conversation_created", ({ conversation_id }) => {
  bihak.send(conversation_id, `Hello, I am ${BIHAK_NAME}. ${HELP}`);
});

bihak.on("outbox", ({ state, content, sent }) => {
  // Its own thumbs are there to be clicked on.
  if (state === "sent" && content.startsWith("📊") && sent) void vote(sent.message_id);
});

bihak.on("state", ({ state, message }) => {
  console.log(message ? `${state}: ${message}` : state);
  if (state === "refused") process.exitCode = 1;
});

/** @param {string} dice  such as 2d6 */
function roll(dice) {
  const [, count = "1", sides = "6"] = /^(\d*)d(\d+)$/u.exec(dice) ?? [];
  const thrown = Array.from({ length: Math.min(Number(count) || 1, MOST_DICE) }, () => {
    return 1 + Math.floor(Math.random() * Math.max(Number(sides), 1));
  });
  const sum = thrown.reduce((total, each) => total + each, 0);
  return `🎲 ${thrown.join(" + ")}${thrown.length > 1 ? ` = ${sum}` : ""}`;
}

/** @param {string} question */
const poll = (question) => (question ? `📊 ${question}` : HELP);

/** @param {number} messageId */
async function vote(messageId) {
  for (const thumb of ["👍", "👎"]) await bihak.react(messageId, thumb).catch(console.error);
}

process.once("SIGTERM", () => bihak.close());
process.once("SIGINT", () => bihak.close());
bihak.connect();
