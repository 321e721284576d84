// One photo at a time, as large as the screen: by keys, buttons, or a thumb's swipe.
import { $, make, picture, say, time, toast } from "/base.js";
import { pill, sign } from "/cards.js";

const PREFETCHED = 3;
const FEW_LEFT = 8;
const SWIPE = 80;

// `more`: fetches what follows, empty at the end; `answer(item, turn)` and `undo()`: done when they are durable.
let source = { items: [], total: 0, more: async () => [], answer: async () => {}, undo: async () => {}, closed: () => {} };
let at = 0;
let n_settled = 0;
let fetching = false;
// How each photo before this one was left: answered, or for later.
let past = [];

const dialog = $("one");
// Has the focus, so that keys are answers and not presses of a button.
const stage = $("stage");
const [before, after] = dialog.querySelectorAll("figure");
const current = () => source.items[at];

export const isOpen = () => dialog.open;

export function open(given, first) {
  source = given;
  at = first;
  n_settled = 0;
  past = [];
  dialog.append($("toasts"));
  dialog.showModal();
  stage.focus();
  show();
}

function frame(figure, item, turn, caption) {
  const image = figure.querySelector("img");
  const url = picture(item, "large");
  if (!image.src.endsWith(url)) {
    // The small picture is there already, or sooner.
    image.src = picture(item);
    const large = new Image();
    large.src = url;
    large.decode().then(() => { if (current() === item) image.src = url; }, () => {});
  }
  image.className = `turn-${turn}`;
  image.alt = `${item.name}, ${caption}`;
  figure.lastElementChild.textContent = caption;
}

function preview(turn) {
  const item = current();
  if (item) frame(after, item, turn, turn === 0 ? say("fine_as_it_is") : sign(turn));
}

function show() {
  const item = current();
  dialog.classList.remove("before");
  for (const button of dialog.querySelectorAll("[data-one]")) button.disabled = !item && button.dataset.one !== "back";
  dialog.querySelector("[data-one=back]").disabled = past.length === 0;
  dialog.classList.toggle("ended", !item);
  $("one-sure").hidden = !item;
  if (!item) {
    $("one-progress").textContent = "";
    $("one-name").textContent = say("that_was_all");
    $("one-where").textContent = say("settled_n", { n: n_settled });
    return;
  }
  $("one-progress").textContent = say("progress", { n: Math.min(past.length + 1, source.total), total: source.total });
  $("one-name").textContent = item.name;
  $("one-where").textContent = `${item.folder} · ${time(item, { dateStyle: "medium", timeStyle: "short" })}`;
  pill(item, $("one-sure"));
  frame(before, item, 0, say("now"));
  preview(item.turn);
  dialog.querySelector("[data-one=turn]").classList.toggle("main", item.confidence >= 0.5);
  for (const next of source.items.slice(at + 1, at + 1 + PREFETCHED)) new Image().src = picture(next, "large");
  fetchMore();
}

async function fetchMore() {
  if (fetching || source.items.length - at > FEW_LEFT) return;
  fetching = true;
  try {
    const more = await source.more();
    const was_at_end = !current();
    source.items.push(...more);
    if (was_at_end && more.length) show();
  } catch (error) {
    toast(error.message);
  } finally {
    fetching = false;
  }
}

function settle(turn) {
  const item = current();
  if (!item) return;
  past.push(true);
  n_settled += 1;
  at += 1;
  source.answer(item, turn);
  show();
}

const ACTS = {
  fine: () => settle(0),
  turn: () => current() && settle(current().turn),
  270: () => settle(270), 180: () => settle(180), 90: () => settle(90),
  later: () => { if (current()) { past.push(false); at += 1; show(); } },
  back: () => {
    if (past.length === 0) return;
    const was_answered = past.pop();
    at -= 1;
    if (was_answered) { n_settled -= 1; source.undo(current()); }
    show();
  },
};
const KEYS = {
  Enter: "turn", Backspace: "fine", 1: "fine", 2: "270", 3: "180", 4: "90", ArrowRight: "later", l: "later", " ": "later",
  ArrowLeft: "back", h: "back", u: "back",
};

dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.target.tagName === "BUTTON" && (key === "Enter" || key === " ") && event.target.matches(":focus-visible")) return;
  if (key === "o") { event.preventDefault(); event.stopPropagation(); dialog.close(); return; }
  if (!(key in KEYS)) return;
  event.preventDefault();
  event.stopPropagation();
  ACTS[KEYS[key]]();
});

for (const button of dialog.querySelectorAll("[data-one]")) {
  const act = button.dataset.one;
  button.addEventListener("click", () => { ACTS[act](); stage.focus(); });
  const turn = act === "fine" ? 0 : act === "turn" ? null : Number(act);
  if (Number.isNaN(turn)) continue;
  button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && current()) preview(turn ?? current().turn); });
  button.addEventListener("pointerleave", () => { if (current()) preview(current().turn); });
}

// A swipe to the right turns as shown, to the left says that it is fine; a tap shows the photo as it is now.
let from = null;
const swiped = (event) => event.clientX - from.x;
stage.addEventListener("pointerdown", (event) => {
  from = { x: event.clientX, y: event.clientY };
  stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", (event) => {
  if (!from || !current()) return;
  const by = swiped(event);
  stage.style.setProperty("--by", `${by}px`);
  const far = Math.abs(by) > SWIPE;
  stage.dataset.swiped = far ? (by > 0 ? "turn" : "fine") : "";
  stage.querySelector(".swiped").textContent = far ? say(by > 0 ? "turn_as_shown" : "fine_as_it_is") : "";
});
function dropped(event, isKept) {
  if (!from) return;
  const by = swiped(event);
  const is_tap = Math.abs(by) < 8 && Math.abs(event.clientY - from.y) < 8;
  from = null;
  stage.style.setProperty("--by", "0px");
  stage.dataset.swiped = "";
  stage.querySelector(".swiped").textContent = "";
  if (!isKept) return;
  if (is_tap) dialog.classList.toggle("before");
  else if (Math.abs(by) > SWIPE) ACTS[by > 0 ? "turn" : "fine"]();
}
stage.addEventListener("pointerup", (event) => dropped(event, true));
stage.addEventListener("pointercancel", (event) => dropped(event, false));

dialog.addEventListener("close", () => {
  document.body.append($("toasts"));
  source.closed();
});
