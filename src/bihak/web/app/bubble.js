/** One row of the log: a message with what is in its text, or a divider. */

import { el, fill, focused } from "./dom.js";
import { avatar, hueOf, icon } from "./pictures.js";
import { senderOf } from "./state.js";
import { exactly, timeOf } from "./wording.js";
import { list, number, t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./rows.js").Row} Row */
/** @typedef {import("./rows.js").MessageItem} MessageItem */
/** @typedef {import("./rows.js").Quote} Quote */
/** @typedef {import("./rows.js").Mentioned} Mentioned */
/** @typedef {import("./rows.js").Tick} Tick */
/** @typedef {{start: number, end: number, node: (text: string) => HTMLElement}} Mark */
/** @typedef {import("./rows.js").Chip} Chip */

/**
 * @typedef {Object} Actions
 * @property {boolean} arrives  it has just been said, and may make an entrance
 * @property {(messageId: number) => void} onShow
 * @property {(message: Message, emoji: string) => void} onReact
 * @property {(key: string) => void} onRetry
 * @property {(key: string) => void} onDiscard
 * @property {() => HTMLElement | null} editor  of the message that is being edited
 */

/** Nothing but http and https, so no address can run code. */
const ADDRESS = /https?:\/\/[^\s<>"]+/giu;
/** Not in the middle of a word, as in an address: the server reads it the same way. */
const AT = /(?<![\p{L}\p{N}_@])@(?=[\p{L}\p{N}_])/gu;
const LONGEST_NAME = 200;
const CLOSING = /[.,:;!?'")\]}]+$/u;
const FEW_EMOJI =
  /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u;

/** @type {Record<Tick, import("./words.js").Key>} */
const TICK_WORDS = {
  sending: "message.sending",
  sent: "message.sent",
  read: "message.read",
  failed: "message.failed",
};

/**
 * @param {Row} row @param {Actions} actions
 * @param {HTMLElement} [before]  the same row as it was: it is changed, so that it keeps its place and the focus
 * @returns {HTMLElement}
 */
export function logRow(row, actions, before) {
  if (row.kind === "message") return messageRow(row, actions, before ?? el("article", { tabindex: -1, "data-row": true }));
  return el(
    "div",
    { class: `divider divider-${row.kind}`, role: "separator", "aria-label": row.label },
    el("span", {}, row.label),
  );
}

/** @param {MessageItem} row @param {Actions} actions @param {HTMLElement} node */
function messageRow(row, actions, node) {
  const { message, isMine, isFirst, isLast, isGroup, tick, isEdited } = row;
  const who = isMine ? t("message.you") : message.sender_name;
  const names = {
    message: true,
    mine: isMine,
    theirs: !isMine,
    first: isFirst,
    last: isLast,
    deleted: Boolean(message.deleted_at),
    editing: isEdited,
    arrives: actions.arrives,
  };
  node.className = Object.entries({ ...names, [tick ?? ""]: tick !== null })
    .flatMap(([name, has]) => (has ? [name] : []))
    .join(" ");
  node.dataset.row = String(message.message_id || message.idempotency_key);
  node.setAttribute("aria-label", t("message.label", { name: who, time: timeOf(message.created_at) }));
  const editor = isEdited ? actions.editor() : null;
  const body = editor ? [editor] : [bubble(row, actions), reactions(row, actions), failure(row, actions)];
  const toolbar = message.deleted_at ? null : node.querySelector(".toolbar");
  keepingFocus(node, () => {
    fill(node, isGroup && !isMine ? face(row) : null, el("div", { class: "message-column" }, speaker(row, who), ...body));
    if (toolbar) node.querySelector(".bubble-row")?.append(toolbar);
  });
  return node;
}

/** @param {HTMLElement} node @param {() => void} change */
function keepingFocus(node, change) {
  const had = /** @type {HTMLElement | null} */ (focused(node));
  const stops = () => /** @type {HTMLElement[]} */ ([...node.querySelectorAll("a, button, textarea")]);
  const at = had ? stops().indexOf(had) : -1;
  change();
  if (!had || at < 0 || focused(node) === had) return;
  (node.contains(had) ? had : (stops()[at] ?? node)).focus({ preventScroll: true });
}

/** @param {MessageItem} row */
function face({ message, isLast }) {
  if (!isLast) return el("span", { class: "face-gap" });
  return avatar({ userId: senderOf(message), name: message.sender_name, size: "small" });
}

/** Whose it is must be heard even where it is plain to see. @param {MessageItem} row @param {string} who */
function speaker({ message, isMine, isFirst, isGroup }, who) {
  const isSeen = isGroup && !isMine && isFirst;
  if (!isSeen) return el("span", { class: "unseen" }, `${who}: `);
  return el("span", { class: `speaker ink-${hueOf(senderOf(message))}` }, el("bdi", {}, who));
}

/** @param {MessageItem} row @param {Actions} actions */
function bubble(row, actions) {
  const { message, quote } = row;
  const isLarge = !quote && !message.deleted_at && isFewEmoji(message.content);
  return el(
    "div",
    { class: "bubble-row" },
    el(
      "div",
      { class: isLarge ? "bubble large" : "bubble" },
      quote && !message.deleted_at ? quoted(quote, actions) : null,
      // Inside the paragraph, so that it floats at the end of its last line, whichever way the text runs.
      el("p", { class: "text", dir: "auto" }, words(row), meta(row)),
    ),
  );
}

/** @param {MessageItem} row */
function words({ message: { content, deleted_at }, mentioned }) {
  if (deleted_at) return el("span", { class: "gone" }, t("message.deleted"));
  return el("span", { class: "words" }, ...rich(content, mentioned));
}

/** @param {Quote} quote @param {Actions} actions */
function quoted({ messageId, who, text }, { onShow }) {
  return el(
    "button",
    { class: "quote", type: "button", onclick: () => onShow(messageId) },
    who
      ? el(
          "span",
          { class: "quote-who" },
          el("span", { class: "unseen" }, `${t("message.replyTo")} `),
          el("bdi", {}, who),
        )
      : null,
    el("span", { class: "quote-text", dir: "auto" }, text),
  );
}

/** @param {MessageItem} row */
function meta({ message, tick }) {
  const { created_at, edited_at, deleted_at, pinned } = message;
  const mark = pinned ? el("span", { class: "meta-pin", role: "img", "aria-label": t("message.pinned") }) : null;
  mark?.append(icon("pin"));
  return el(
    "span",
    { class: "meta" },
    mark,
    edited_at && !deleted_at
      ? el("span", { title: t("message.editedAt", { time: exactly(edited_at) }) }, t("message.edited"))
      : null,
    el("time", { dir: "auto", datetime: created_at, title: exactly(created_at) }, timeOf(created_at)),
    tick ? tickMark(tick) : null,
  );
}

/** @param {Tick} tick */
function tickMark(tick) {
  const label = t(TICK_WORDS[tick]);
  const mark = el("span", { class: `tick tick-${tick}`, role: "img", "aria-label": label, title: label });
  mark.append(icon(tick === "sending" ? "clock" : tick));
  return mark;
}

/** Each emoji with its count; a press adds one's own, or takes it back. @param {MessageItem} row @param {Actions} actions */
function reactions({ message, chips }, { onReact }) {
  if (message.deleted_at || chips.length === 0) return null;
  const toggle = (/** @type {string} */ emoji) => onReact(message, emoji);
  return el("div", { class: "reactions" }, ...chips.map((chip) => reaction(chip, toggle)));
}

/** @param {Chip} chip @param {(emoji: string) => void} onToggle */
function reaction({ emoji, names, isMine }, onToggle) {
  const by = t("emoji.by", { names: list(names) });
  return el(
    "button",
    {
      class: "reaction",
      type: "button",
      "aria-pressed": String(isMine),
      title: `${emoji} ${by}`,
      onclick: () => onToggle(emoji),
    },
    el("span", { class: "reaction-emoji" }, emoji),
    el("span", { class: "reaction-count" }, number(names.length)),
    el("span", { class: "unseen" }, ` ${by}`),
  );
}

/** @param {MessageItem} row @param {Actions} actions */
function failure({ message, tick, reason }, { onRetry, onDiscard }) {
  const key = message.idempotency_key;
  if (tick !== "failed" || !key) return null;
  return el(
    "div",
    { class: "failure", role: "alert" },
    el("span", {}, t("message.failure", { reason: reason ?? "" })),
    el("button", { class: "link-button", type: "button", onclick: () => onRetry(key) }, t("app.tryAgain")),
    el("button", { class: "link-button", type: "button", onclick: () => onDiscard(key) }, t("message.discard")),
  );
}

/**
 * Plain text as people expect to see it: web addresses become links, mentions stand out.
 * @param {string} text @param {readonly Mentioned[]} mentioned @returns {(string | HTMLElement)[]}
 */
function rich(text, mentioned) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let end = 0;
  for (const mark of marks(text, mentioned)) {
    if (mark.start < end) continue;
    parts.push(text.slice(end, mark.start), mark.node(text.slice(mark.start, mark.end)));
    end = mark.end;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} text */
const isFewEmoji = (text) => FEW_EMOJI.test(text);

/**
 * Where a text names one of those whom the server says it mentions.
 * @param {string} text @param {readonly Mentioned[]} mentioned
 * @returns {{start: number, end: number, isMe: boolean}[]}
 */
function findMentions(text, mentioned) {
  const longestFirst = [...mentioned].sort((a, b) => b.name.length - a.name.length);
  const found = [];
  for (const { index } of mentioned.length > 0 ? text.matchAll(AT) : []) {
    const rest = text.slice(index + 1, index + 1 + LONGEST_NAME).toLocaleLowerCase();
    const who = longestFirst.find(({ name }) => rest.startsWith(name.toLocaleLowerCase()));
    if (who) found.push({ start: index, end: index + 1 + who.name.length, isMe: who.isMe });
  }
  return found;
}

/** @param {string} text @param {readonly Mentioned[]} mentioned @returns {Mark[]} in order */
function marks(text, mentioned) {
  const links = [...text.matchAll(ADDRESS)].map(({ index, 0: address }) => ({
    start: index,
    end: index + trimmed(address).length,
    node: link,
  }));
  const names = findMentions(text, mentioned).map(({ start, end, isMe }) => ({
    start,
    end,
    node: (/** @type {string} */ name) => el("span", { class: isMe ? "mention is-me" : "mention" }, name),
  }));
  return [...links, ...names].sort((a, b) => a.start - b.start);
}

/** A sentence's own punctuation is not part of the address; a bracket that it opened is. @param {string} address */
function trimmed(address) {
  const shorter = address.replace(CLOSING, "");
  return address.startsWith(`${shorter})`) && shorter.includes("(") ? `${shorter})` : shorter;
}

/** @param {string} href */
const link = (href) => el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href);
