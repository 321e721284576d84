// What all parts of the page use: elements, texts, requests, short messages, questions.
import { LANGUAGE, TEXTS } from "/texts.js";

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, properties);
  node.append(...children);
  return node;
}

const plural = new Intl.PluralRules(LANGUAGE);
const FORMS = plural.resolvedOptions().pluralCategories;
export const number = (n) => n.toLocaleString(LANGUAGE);

// A text with its {places} filled; of several forms, parted by |, the one that `n` takes.
export function say(key, values = {}) {
  let text = TEXTS[key] ?? key;
  const forms = text.split("|");
  if (forms.length > 1) text = forms[Math.min(FORMS.indexOf(plural.select(values.n)), forms.length - 1)];
  return text.replace(/\{(\w+)\}/g, (_, name) => typeof values[name] === "number" ? number(values[name]) : values[name]);
}

export const has = (key) => key in TEXTS;

// Seconds: of a camera's clock, which knows no zone, or of a file.
export function time(item, style) {
  const taken = item.taken !== null;
  const date = new Date(1000 * (taken ? item.taken : item.modified));
  return date.toLocaleString(LANGUAGE, { ...style, timeZone: taken ? "UTC" : undefined });
}
export const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString(LANGUAGE, { timeStyle: "short" });

export async function ask(url, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error(say("no_answer"));
  }
  const text = await response.text();
  if (!response.ok) throw new Error(text.trim() || `${response.status}`);
  return text ? JSON.parse(text) : null;
}

// The address of a picture names what is shown, so that no cache shows an older orientation.
export const picture = (item, size = "thumb") => `/${size}/${item.id}?v=${(item.seen ?? "").slice(0, 16)}-${item.shown}`;

const LONGEST_SHOWN = 10000;
const MOST_TOASTS = 3;

// A short message. `action`: { label, run } for its button. Returns how to change and remove it.
export function toast(text, action) {
  const words = make("span", { textContent: text });
  const node = make("div", { className: "toast" }, words);
  let timer;
  const remove = () => { clearTimeout(timer); node.remove(); };
  const later = () => { clearTimeout(timer); timer = setTimeout(remove, LONGEST_SHOWN); };
  if (action) {
    const button = make("button", { type: "button", textContent: action.label });
    button.addEventListener("click", () => { remove(); action.run(); });
    node.append(button);
  }
  for (const event of ["pointerenter", "focusin"]) node.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) node.addEventListener(event, later);
  const shown = $("toasts");
  while (shown.children.length >= MOST_TOASTS) shown.firstElementChild.remove();
  shown.append(node);
  later();
  return { remove, say: (text) => { words.textContent = text; later(); } };
}

// A question with one way to say yes. Nothing is done meanwhile.
export function confirmed(question, yes) {
  const dialog = $("ask");
  $("question").textContent = question;
  $("yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  $("yes").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog && dialog.id !== "one") dialog.close(); });
}
$("yes").addEventListener("click", () => $("ask").close("yes"));
$("no").addEventListener("click", () => $("ask").close("no"));
