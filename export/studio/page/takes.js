// Takes as small looping videos.

import { takeUrl } from "./api.js";
import { makeElement } from "./slides.js";

const PLAYABLE = /\.(webm|mp4|m4v|mov|ogv)$/i;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");
// Only videos in view are played: hundreds of players would slow the page down.
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting && !isStill.matches) target.play().catch(() => {});
    else target.pause();
  }
});

/** The card of a take: `take` is {name}, `texts` lines below the picture, `buttons` are [text, name, run]. */
export function takeCard(label, take, texts, buttons) {
  const card = document.createElement("li");
  card.dataset.name = take.name;
  card.dataset.label = label;
  card.append(picture(takeUrl(label, take.name), take.name, `${label}, ${take.name}`));
  for (const text of texts) card.append(makeElement("p", text));
  for (const [text, name, run] of buttons) {
    const button = makeElement("button", text);
    button.type = "button";
    button.setAttribute("aria-label", name);
    button.addEventListener("click", run);
    card.append(button);
  }
  return card;
}

function picture(url, name, description) {
  if (!PLAYABLE.test(name)) return makeElement("p", name, "picture");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "look";
  button.setAttribute("aria-label", `Watch ${description}`);
  const video = document.createElement("video");
  Object.assign(video, { src: url, muted: true, loop: true, playsInline: true, preload: "metadata", ariaHidden: "true" });
  // Takes recorded here are shown mirrored, as in the recording.
  if (name.startsWith("take_")) video.classList.add("own");
  video.addEventListener("error", () => button.replaceWith(makeElement("p", `${name}: this browser can't show it`, "picture")));
  watcher.observe(video);
  button.append(video);
  button.addEventListener("click", () => look(video, description));
  return button;
}

const [dialog, large, pause] = ["look", "lookVideo", "lookPause"].map((id) => document.getElementById(id));

/** Shows a take large. */
function look(video, description) {
  document.getElementById("lookTitle").textContent = description;
  large.className = video.className;
  large.src = video.src;
  dialog.showModal();
  large.play().catch(() => {});
}

pause.addEventListener("click", () => (large.paused ? large.play() : large.pause()));
for (const kind of ["play", "pause"]) {
  large.addEventListener(kind, () => (pause.textContent = large.paused ? "Play" : "Pause"));
}
document.getElementById("lookClose").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => large.removeAttribute("src"));

/** Shows takes in a list. Existing cards are kept, so that their videos keep playing. */
export function showTakes(list, label, takes, makeCard) {
  const known = new Map([...list.children].filter((card) => card.dataset.label === label).map((card) => [card.dataset.name, card]));
  const cards = takes.map((take, index) => known.get(take.name) ?? makeCard(take, index));
  const kept = new Set(cards);
  for (const card of [...list.children]) {
    if (kept.has(card)) continue;
    const video = card.querySelector("video");
    if (video) watcher.unobserve(video);
    card.remove();
  }
  cards.forEach((card, index) => {
    if (list.children[index] !== card) list.insertBefore(card, list.children[index] ?? null);
  });
}
