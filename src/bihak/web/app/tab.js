/** The browser's tab: its title and its icon say how much waits. */

import { t } from "./words.js";

const SIZE = 64;
const ICON = "app/icon.svg";

let shown = 0;

/** @param {{title: string | null, unread: number}} told  `title` of the open conversation, if there is one */
export function tellTab({ title, unread }) {
  const name = title === null ? t("app.name") : `${title} · ${t("app.name")}`;
  document.title = unread > 0 ? `(${unread}) ${name}` : name;
  if (Math.min(unread, 10) === shown) return;
  shown = Math.min(unread, 10);
  void showIcon(shown);
}

/** @param {number} unread  10 stands for more than 9 */
async function showIcon(unread) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel=icon]"));
  if (!link) return;
  link.href = unread === 0 ? ICON : await withBadge(unread);
}

/** @param {number} unread @returns {Promise<string>} a data URL */
async function withBadge(unread) {
  const image = new Image(SIZE, SIZE);
  image.src = ICON;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const pen = canvas.getContext("2d");
  if (!pen) return ICON;
  pen.drawImage(image, 0, 0, SIZE, SIZE);
  pen.fillStyle = "#d6293e";
  pen.beginPath();
  pen.arc(44, 20, 20, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#ffffff";
  pen.font = "bold 28px sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(unread > 9 ? "9+" : String(unread), 44, 22, 32);
  return canvas.toDataURL();
}
