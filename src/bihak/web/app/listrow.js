/** One row of the list of conversations. */

import { el } from "./dom.js";
import { avatar, groupAvatar, icon } from "./pictures.js";
import { hrefOf } from "./route.js";
import { isDirect } from "./state.js";
import { brief, exactly, statusWord, typingWords } from "./wording.js";
import { number, t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Status} Status */
/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

/**
 * @typedef {Object} Row
 * @property {number} id
 * @property {string} kind  the type of the conversation
 * @property {string} href
 * @property {boolean} isOpen
 * @property {string} title
 * @property {{userId: string, name: string, picture?: string | null, status: Status} | null} face  null for a group
 * @property {string} moment
 * @property {string} day  so that a new day is a new row
 * @property {string} preview
 * @property {boolean} isTyping
 * @property {number} unread
 * @property {boolean} isMuted
 */

/** @param {Context} context @param {Conversation} conversation @param {Route} route @returns {Row} */
export function rowOf({ bihak, store }, conversation, route) {
  const { state } = store;
  const id = conversation.conversation_id;
  const typing = state.people.typingIn(id);
  const unsent = bihak.unsent(id).at(-1);
  const last = unsent ?? conversation.last_message;
  const words = unsent ? t("list.you", { text: unsent.content }) : lastWords(conversation, state);
  return {
    id,
    kind: conversation.conversation_type,
    href: hrefOf({ as: route.as, conversationId: id }),
    isOpen: route.conversationId === id,
    title: state.titleOf(conversation),
    face: isDirect(conversation) ? faceOf(state.othersIn(conversation)[0], state) : null,
    moment: last?.created_at ?? "",
    day: new Date().toDateString(),
    preview: typing.length > 0 ? typingWords(typing, { short: isDirect(conversation) }) : words,
    isTyping: typing.length > 0,
    unread: conversation.unread,
    isMuted: store.preferences.isMuted(id),
  };
}

/** @param {Conversation} conversation @param {import("./state.js").State} state */
function lastWords(conversation, state) {
  const last = conversation.last_message;
  if (!last) return t("list.nothingSaid");
  if (last.deleted_at) return t("list.deleted");
  if (state.isMine(last)) return t("list.you", { text: last.content });
  return isDirect(conversation) ? last.content : t("list.said", { name: last.sender_name, text: last.content });
}

/** @param {import("../sdk/wire.js").Participant | undefined} person @param {import("./state.js").State} state */
function faceOf(person, { people }) {
  if (!person) return null;
  const { user_id: userId, avatar_url: picture } = person;
  return { userId, name: people.nameOf(userId), picture, status: people.statusOf(userId) };
}

/** @param {Row} row */
export function conversationRow({ id, kind, href, isOpen, title, face, moment, preview, isTyping, unread, isMuted }) {
  return el(
    "li",
    {},
    el(
      "a",
      { class: isMuted ? "conversation is-muted" : "conversation", href, "aria-current": isOpen ? "true" : null },
      face ? avatar(face) : groupAvatar(id, kind),
      el(
        "span",
        { class: "conversation-title" },
        el("bdi", {}, title),
        face && face.status !== "offline" ? el("span", { class: "unseen" }, `, ${statusWord(face.status)}`) : null,
      ),
      moment
        ? el("time", { class: "conversation-when", datetime: moment, title: exactly(moment) }, brief(moment))
        : null,
      el("span", { class: isTyping ? "conversation-last is-typing" : "conversation-last" }, el("bdi", {}, preview)),
      el("span", { class: "conversation-marks" }, isMuted ? muted() : null, unread > 0 ? badge(unread) : null),
    ),
  );
}

function muted() {
  const mark = el("span", { class: "muted-mark", role: "img", "aria-label": t("list.muted"), title: t("list.muted") });
  mark.append(icon("mute"));
  return mark;
}

/** @param {number} unread */
function badge(unread) {
  return el(
    "span",
    { class: "badge" },
    el("span", { "aria-hidden": "true" }, unread > 99 ? "99+" : number(unread)),
    el("span", { class: "unseen" }, t("list.unread", { count: unread })),
  );
}
