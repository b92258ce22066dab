/** One row of the log: a message, or a divider. */

import { avatar, hueOf } from "./avatar.js";
import { el } from "./dom.js";
import { icon } from "./icon.js";
import { isFewEmoji, linked } from "./richtext.js";
import { senderOf } from "./state.js";
import { exactly, timeOf } from "./when.js";

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./rows.js").Row} Row */
/** @typedef {import("./rows.js").MessageItem} MessageItem */
/** @typedef {import("./rows.js").Tick} Tick */

/**
 * @typedef {Object} Actions
 * @property {boolean} arrives  it has just been said, and may make an entrance
 * @property {(message: Message) => void} onReply
 * @property {(messageId: number) => void} onShow
 * @property {(key: string) => void} onRetry
 * @property {(key: string) => void} onDiscard
 */

/** @type {Record<Tick, string>} */
const TICK_WORDS = { sending: "Sending", sent: "Sent", read: "Read", failed: "Not sent" };

/** @param {Row} row @param {Actions} actions */
export function messageRow(row, actions) {
  if (row.kind !== "message") {
    return el(
      "div",
      { class: `divider divider-${row.kind}`, role: "separator", "aria-label": row.label },
      el("span", {}, row.label),
    );
  }
  const { message, isMine, isFirst, isLast, isGroup, tick } = row;
  const who = isMine ? "You" : message.sender_name;
  const names = [
    "message",
    isMine ? "mine" : "theirs",
    isFirst && "first",
    isLast && "last",
    tick,
    actions.arrives && "arrives",
  ];
  return el(
    "article",
    {
      class: names.filter(Boolean).join(" "),
      "aria-label": `${who}, ${timeOf(message.created_at)}`,
      "data-message-id": message.message_id || null,
    },
    isGroup && !isMine ? face(row) : null,
    el("div", { class: "message-column" }, speaker(row, who), bubble(row, actions), failure(row, actions)),
  );
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
      quote ? quoted(quote, actions) : null,
      // Inside the paragraph, so that it floats at the end of its last line, whichever way the text runs.
      el("p", { class: "text", dir: "auto" }, words(message), meta(row)),
    ),
    message.message_id && !message.deleted_at ? replyButton(message, actions) : null,
  );
}

/** @param {Message} message */
function words({ content, deleted_at }) {
  if (deleted_at) return el("span", { class: "gone" }, "Message deleted");
  return el("span", { class: "words" }, ...linked(content));
}

/** @param {NonNullable<MessageItem["quote"]>} quote @param {Actions} actions */
function quoted({ messageId, who, text }, { onShow }) {
  return el(
    "button",
    { class: "quote", type: "button", onclick: () => onShow(messageId) },
    el("span", { class: "quote-who" }, el("bdi", {}, who)),
    el("span", { class: "quote-text", dir: "auto" }, text),
  );
}

/** @param {MessageItem} row */
function meta({ message, tick }) {
  const { created_at, edited_at, deleted_at } = message;
  return el(
    "span",
    { class: "meta" },
    edited_at && !deleted_at ? el("span", { title: `Edited ${exactly(edited_at)}` }, "edited") : null,
    el("time", { dir: "auto", datetime: created_at, title: exactly(created_at) }, timeOf(created_at)),
    tick ? tickMark(tick) : null,
  );
}

/** @param {Tick} tick */
function tickMark(tick) {
  const mark = el("span", {
    class: `tick tick-${tick}`,
    role: "img",
    "aria-label": TICK_WORDS[tick],
    title: TICK_WORDS[tick],
  });
  mark.append(icon(tick === "sending" ? "clock" : tick));
  return mark;
}

/** @param {Message} message @param {Actions} actions */
function replyButton(message, { onReply }) {
  const label = "Reply";
  const props = { class: "icon-button reply", type: "button", "aria-label": label, title: label };
  return el("button", { ...props, onclick: () => onReply(message) }, icon("reply"));
}

/** @param {MessageItem} row @param {Actions} actions */
function failure({ message, tick, reason }, { onRetry, onDiscard }) {
  const key = message.idempotency_key;
  if (tick !== "failed" || !key) return null;
  return el(
    "div",
    { class: "failure", role: "alert" },
    el("span", {}, `Not sent. ${reason ?? ""}`),
    el("button", { class: "link-button", type: "button", onclick: () => onRetry(key) }, "Try again"),
    el("button", { class: "link-button", type: "button", onclick: () => onDiscard(key) }, "Discard"),
  );
}
