/** The browser's tab: its title and its icon say that something waits, and its page in which language. */

import { spoken, t } from "./words.js";

/** @param {{title: string | null, unread: number}} told  `title` of the open conversation, if there is one */
export function tellTab({ title, unread }) {
  const name = title === null ? t("app.name") : `${title} · ${t("app.name")}`;
  document.documentElement.lang = spoken();
  document.title = unread > 0 ? `(${unread}) ${name}` : name;
  const link = document.querySelector("link[rel=icon]");
  const icon = unread > 0 ? "app/icon-unread.svg" : "app/icon.svg";
  if (link?.getAttribute("href") !== icon) link?.setAttribute("href", icon);
}
