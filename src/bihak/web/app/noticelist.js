/** The list of notifications. */

import { openDialog } from "./dialog.js";
import { KeyedChildren, el } from "./dom.js";
import { avatar, groupAvatar } from "./pictures.js";
import { Notices } from "./notices.js";
import { isDirect } from "./state.js";
import { rove } from "./roving.js";
import { brief, exactly, noticeWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Notification} Notice */
/** @typedef {import("./chat.js").Context} Context */

/** @param {Context} context */
export function openNotices(context) {
  const { store } = context;
  const notices = store.hear(Notices);
  const list = el("ul", { class: "news-list", role: "list", "aria-label": t("notices.title") });
  const rows = new KeyedChildren(list, (/** @type {Notice} */ notice) => row(notice, context, () => dialog.close()));
  const roved = rove(list);
  const empty = el("div", { class: "quiet" }, el("h3", {}, t("notices.none")), el("p", {}, t("notices.noneHint")));
  const more = el("button", { class: "link-button", type: "button", onclick: () => notices.more() }, t("find.more"));
  const all = el("button", { class: "button button-plain", type: "button" }, t("notices.readAll"));
  all.onclick = () => void notices.markRead().catch(() => {});

  const show = () => {
    const now = new Date().toDateString();
    const shown = notices.all;
    rows.show(
      shown.map((notice) => ({
        key: String(notice.notification_id),
        print: JSON.stringify([notice, noticeWords(notice, store.state), now]),
        item: notice,
      })),
    );
    roved();
    empty.hidden = shown.length > 0 || !notices.loaded;
    more.hidden = !notices.hasMore;
    all.disabled = notices.unread === 0;
  };
  store.addEventListener("change", show);
  const dialog = openDialog(context.host, {
    title: t("notices.title"),
    body: [empty, list, more, el("div", { class: "dialog-foot" }, all)],
    onClose: () => store.removeEventListener("change", show),
  });
  show();
}

/** @param {Notice} notice @param {Context} context @param {() => void} close */
function row(notice, { store, navigate }, close) {
  const { notification_id: id, conversation_id: conversationId, message_id: messageId, created_at: moment } = notice;
  const conversation = store.state.find(conversationId);
  const { title, text } = noticeWords(notice, store.state);
  const open = () => {
    if (!notice.read_at) void store.hear(Notices).markRead([id]).catch(() => {});
    close();
    navigate({ conversationId, messageId });
  };
  const [other] = conversation ? store.state.othersIn(conversation) : [];
  const face =
    conversation && isDirect(conversation) && other
      ? avatar({ userId: other.user_id, name: store.state.people.nameOf(other.user_id), picture: other.avatar_url })
      : groupAvatar(conversationId, conversation?.conversation_type);
  return el(
    "li",
    {},
    el(
      "button",
      { class: notice.read_at ? "news" : "news is-new", type: "button", onclick: open },
      face,
      el("span", { class: "news-title" }, title),
      el("time", { class: "conversation-when", datetime: moment, title: exactly(moment) }, brief(moment)),
      el("span", { class: "excerpt", dir: "auto" }, text),
      notice.read_at ? null : el("span", { class: "unseen" }, t("notices.new")),
    ),
  );
}
