// The review page. It shows what the server says and tells it what the person answers; names of
// files only ever become text, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const TABS = { review: "To review", fixed: "Fixed", left: "Left alone", skipped: "Skipped", answered: "Answered" };
// Where the top of the photo is now → the clockwise turn that brings it up.
const WAYS = [["↑", 0, "up: it is fine"], ["→", 270, "at the right"], ["↓", 180, "at the bottom"], ["←", 90, "at the left"]];
const PAGE = 60;

const state = { tab: "review", items: [], cards: [], current: 0, cursors: [""], next: null, selected: new Set(), anchor: 0, load: 0 };

async function ask(url, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error("orientd does not answer. Is `orientd review` still running?");
  }
  const text = await response.text();
  if (!response.ok) throw new Error(text.trim() || `orientd answered ${response.status}`);
  return text ? JSON.parse(text) : null;
}

let hideMessage;
function say(text) {
  $("message").textContent = text;
  clearTimeout(hideMessage);
  hideMessage = setTimeout(() => { $("message").textContent = ""; }, 8000);
}

function search() {
  const query = new URLSearchParams({ folder: $("folder").value });
  // A camera's clock knows no time zone (Z: as if it were UTC); a file's time is of this one.
  const day = (id, zone, later) => Math.floor(new Date(`${$(id).value}T00:00:00${zone}`).getTime() / 1000) + later;
  for (const [id, later] of [["from", 0], ["to", 86400]]) {
    if (!$(id).value) continue;
    query.set(id, day(id, "", later));
    query.set(`taken_${id}`, day(id, "Z", later));
  }
  return query;
}

async function load({ keep = 0 } = {}) {
  const mine = ++state.load;
  const query = search();
  query.set("tab", state.tab);
  query.set("order", $("order").value);
  query.set("after", state.cursors.at(-1));
  query.set("n", PAGE);
  let page;
  try {
    page = await ask(`/api/page?${query}`);
  } catch (error) {
    say(error.message);
    return;
  }
  if (mine !== state.load) return; // A later question has been asked.
  state.items = page.items;
  state.next = page.next;
  state.selected.clear();
  state.current = Math.min(keep, Math.max(page.items.length - 1, 0));
  show();
  count();
}

async function count() {
  try {
    const counts = await ask(`/api/counts?${search()}`);
    for (const button of document.querySelectorAll("nav button")) {
      button.querySelector(".count").textContent = counts[button.dataset.tab].toLocaleString("en");
    }
    await training(counts.answers);
  } catch (error) {
    say(error.message);
  }
}

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, properties);
  node.append(...children);
  return node;
}

function picture(item, turn, caption, note) {
  const url = `/thumb/${item.id}?v=${(item.seen || "").slice(0, 16)}`;
  const image = make("img", { src: url, alt: "", loading: "lazy", decoding: "async", className: `turn-${turn}` });
  const frame = make("div", { className: "frame" }, image);
  image.addEventListener("error", () => frame.classList.add("broken"));
  image.addEventListener("click", (event) => { if (!event.shiftKey) enlarge(item, turn); });
  return make("figure", {}, frame, make("figcaption", {}, make("span", { textContent: caption }), make("span", { textContent: note })));
}

function pictures(item) {
  const sure = item.confidence === null ? "" : `${Math.floor(item.confidence * 100)} %`;
  const pair = make("div", { className: "pair" });
  if (state.tab === "review") {
    pair.append(picture(item, 0, "now", ""), picture(item, item.turn, `turned ${item.turn}°`, sure));
  } else if (state.tab === "fixed") {
    pair.append(picture(item, (360 - item.turn) % 360, "before", ""), picture(item, 0, `turned ${item.turn}°`, ""));
  } else {
    pair.append(picture(item, 0, state.tab === "answered" ? (item.turn ? `turned ${item.turn}°` : "fine as it is") : "now", sure));
  }
  return pair;
}

function card(item, at) {
  const name = make("h3", { textContent: item.name, title: item.name });
  const folder = make("p", { textContent: item.folder, title: item.folder });
  const box = make("input", { type: "checkbox" });
  box.setAttribute("aria-label", `Select ${item.name}`);
  box.addEventListener("click", (event) => { event.shiftKey ? selectTo(at) : select(at, box.checked); });
  const article = make("article", { className: "photo", tabIndex: at === state.current ? 0 : -1 });
  article.setAttribute("aria-label", `${item.name}, ${describe(item)}`);
  article.append(pictures(item), make("div", { className: "about" }, box, make("div", {}, name, folder)));
  if (item.reason) article.append(make("p", { className: "error", textContent: `${item.reason}: ${item.detail}` }));
  if (state.tab !== "review") article.classList.add(state.tab === "fixed" ? "pairs" : "single");
  article.append(actions(item, at));
  article.addEventListener("focus", () => mark(at));
  article.addEventListener("pointerdown", () => mark(at));
  return make("li", {}, article);
}

function describe(item) {
  if (item.reason) return `skipped, ${item.reason}`;
  if (state.tab === "review") return `proposed turn ${item.turn} degrees, ${Math.floor(item.confidence * 100)} percent sure`;
  if (state.tab === "left") return `seen as upright, ${Math.floor(item.confidence * 100)} percent sure`;
  return item.turn ? `turned ${item.turn} degrees` : "fine as it is";
}

function actions(item, at) {
  const bar = make("div", { className: "actions" });
  const button = (text, className, label, act) => {
    const node = make("button", { type: "button", textContent: text, className, tabIndex: -1 });
    node.setAttribute("aria-label", `${label}: ${item.name}`);
    node.addEventListener("click", () => { mark(at); act(); });
    bar.append(node);
  };
  if (state.tab === "review") {
    button("Turn", "accept", "Turn as shown", () => answer([item], item.turn));
    button("Fine", "fine", "Fine as it is", () => answer([item], 0));
  }
  if (state.tab === "fixed" || state.tab === "answered") button("Put back", "fine", "Put back", () => undo([item.id]));
  if (state.tab !== "skipped") {
    for (const [arrow, turn, where] of WAYS.slice(1)) button(arrow, "way", `Its top is ${where}`, () => answer([item], turn));
  }
  return bar;
}

function show() {
  state.cards = state.items.map(card);
  $("photos").replaceChildren(...state.cards);
  $("heading").textContent = TABS[state.tab];
  $("empty").hidden = state.items.length > 0;
  $("empty").textContent = state.tab === "review" ? "Nothing waits for you here." : "There are no photos here.";
  $("previous").disabled = state.cursors.length < 2;
  $("next").disabled = state.next === null;
  $("page-number").textContent = `Page ${state.cursors.length.toLocaleString("en")}`;
  $("order-label").hidden = state.tab === "fixed" || state.tab === "answered" || state.tab === "skipped";
  for (const id of ["accept-selected", "accept-all"]) $(id).disabled = state.tab !== "review";
  $("fine-selected").disabled = !["review", "left"].includes(state.tab);
  for (const button of document.querySelectorAll("nav button")) {
    button.dataset.tab === state.tab ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current");
  }
  tellSelected();
  mark(state.current);
  if (!["INPUT", "SELECT"].includes(document.activeElement.tagName)) focusCurrent();
}

const article = (at) => state.cards[at]?.firstElementChild;

function mark(at) {
  const before = article(state.current);
  if (before) { before.classList.remove("current"); before.tabIndex = -1; }
  state.current = at;
  const now = article(at);
  if (now) { now.classList.add("current"); now.tabIndex = 0; }
}

function focusCurrent() {
  const now = article(state.current);
  if (now) { now.focus({ preventScroll: true }); now.scrollIntoView({ block: "nearest" }); } else $("photos").focus();
}

function move(by) {
  const at = Math.min(Math.max(state.current + by, 0), state.cards.length - 1);
  if (at >= 0) { mark(at); focusCurrent(); }
}

function columns() {
  const top = state.cards[0]?.offsetTop;
  const n = state.cards.findIndex((node) => node.offsetTop !== top);
  return n < 0 ? state.cards.length : n;
}

function select(at, on) {
  on ? state.selected.add(at) : state.selected.delete(at);
  state.anchor = at;
  const node = article(at);
  node.classList.toggle("selected", on);
  node.querySelector("input").checked = on;
  tellSelected();
}

function selectTo(at) {
  const [from, to] = [Math.min(state.anchor, at), Math.max(state.anchor, at)];
  const anchor = state.anchor;
  for (let i = from; i <= to; i++) select(i, true);
  state.anchor = anchor;
}

function tellSelected() {
  const n = state.selected.size;
  $("selected").textContent = n === 0 ? "None selected" : n === 1 ? "1 selected" : `${n} selected`;
  $("accept-selected").hidden = $("fine-selected").hidden = n === 0;
}

const chosen = () => [...state.selected].sort((a, b) => a - b).map((at) => state.items[at]);

// `turn`: degrees, or null for what each photo's proposal says.
async function answer(items, turn) {
  if (items.length === 0 || state.tab === "skipped") return;
  items.forEach((item) => article(state.items.indexOf(item))?.classList.add("busy"));
  const body = { items: items.map((item) => ({ id: item.id, turn: turn ?? item.turn, seen: item.seen })) };
  await settle("/api/answer", body, (n) => turn === 0 ? `${photos(n)} left as they are.` : `${photos(n)} turned.`);
}

async function undo(ids) {
  await settle("/api/undo", ids ? { ids } : {}, (n) => n ? `${photos(n)} put back.` : "There is nothing more to undo.");
}

const photos = (n) => n === 1 ? "1 photo" : `${n} photos`;

let queue = Promise.resolve();
// One after the other, so that a fast hand never overtakes itself.
function settle(url, body, text) {
  queue = queue.then(async () => {
    try {
      const { results } = await ask(url, body);
      const refused = results.filter((result) => !result.ok);
      const done = results.length - refused.length;
      const why = [...new Set(refused.map((result) => result.detail))].join("; ");
      say((done || !refused.length ? text(done) : "") + (refused.length ? ` ${photos(refused.length)} not changed: ${why}.` : (url === "/api/undo" ? "" : " U undoes.")));
      remove(results, refused, url);
    } catch (error) {
      document.querySelectorAll(".busy").forEach((node) => node.classList.remove("busy"));
      say(error.message);
    }
  });
  return queue;
}

// What is settled leaves the page; the next photo moves up under the hand.
function remove(results, refused, url) {
  const failed = new Map(refused.map((result) => [result.id, result.detail]));
  const gone = new Set(results.filter((result) => result.ok).map((result) => result.id));
  const stays = state.items.filter((item) => !gone.has(item.id));
  if (url === "/api/undo" || stays.length === 0) {
    load({ keep: state.current });
    return;
  }
  const before = state.items.slice(0, state.current).filter((item) => gone.has(item.id)).length;
  state.items = stays;
  state.selected.clear();
  state.current = Math.min(state.current - before, stays.length - 1);
  show();
  for (const [at, item] of stays.entries()) {
    if (failed.has(item.id)) article(at).append(make("p", { className: "error", textContent: failed.get(item.id) }));
  }
  count();
}

function acceptAll() {
  if (state.tab !== "review") return;
  const bar = Number($("bar").value) / 100;
  const sure = state.items.filter((item) => item.confidence >= bar);
  sure.length ? answer(sure, null) : say(`No photo on this page is that sure.`);
}

function turnPage(by) {
  if (by > 0 && state.next !== null) state.cursors.push(state.next);
  else if (by < 0 && state.cursors.length > 1) state.cursors.pop();
  else return;
  load().then(() => scrollTo(0, 0));
}

function restart() {
  state.cursors = [""];
  history.replaceState(null, "", `/#${state.tab}`);
  return load();
}

function enlarge(item, turn) {
  const image = $("large").querySelector("img");
  image.src = `/large/${item.id}?v=${(item.seen || "").slice(0, 16)}`;
  image.alt = item.name;
  image.className = `turn-${turn}`;
  $("large").showModal();
}

async function training(answers) {
  const { installed, running, line, succeeded } = await ask("/api/training");
  const [text, button] = $("training").children;
  const ended = succeeded === null ? "" : succeeded ? " The last training went well." : " The last training failed.";
  $("training").hidden = !running && answers < 20 && succeeded === null;
  text.textContent = running ? `Training: ${line}` : `You have ${answers.toLocaleString("en")} answers: retrain?${ended} ${succeeded === null ? "" : line}`
    + (installed ? "" : " The trainer is not installed; `make install-train` does that.");
  button.hidden = running || !installed;
  if (running) setTimeout(() => training(answers).catch((error) => say(error.message)), 1000);
}

const KEYS = {
  ArrowLeft: () => move(-1), h: () => move(-1), ArrowRight: () => move(1), l: () => move(1),
  ArrowUp: () => move(-columns()), k: () => move(-columns()), ArrowDown: () => move(columns()), j: () => move(columns()),
  Home: () => move(-1e6), End: () => move(1e6),
  PageDown: () => turnPage(1), PageUp: () => turnPage(-1),
  Enter: () => state.tab === "review" && answer(state.selected.size ? chosen() : state.items.slice(state.current, state.current + 1), null),
  Backspace: () => act(0), u: () => undo(null), a: acceptAll,
  " ": () => state.cards.length && select(state.current, !state.selected.has(state.current)),
  z: () => { const item = state.items[state.current]; if (item) enlarge(item, state.tab === "review" ? item.turn : 0); },
  1: () => act(0), 2: () => act(270), 3: () => act(180), 4: () => act(90),
};
const SHIFTED = { ArrowUp: 0, ArrowRight: 270, ArrowDown: 180, ArrowLeft: 90 };

const act = (turn) => answer(state.selected.size ? chosen() : state.items.slice(state.current, state.current + 1), turn);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || $("large").open) return;
  const tag = event.target.tagName;
  const isTyping = tag === "SELECT" || (tag === "INPUT" && event.target.type !== "checkbox");
  if (isTyping || ((tag === "BUTTON" || tag === "A") && (event.key === "Enter" || event.key === " "))) return;
  if (tag === "INPUT" && event.key === " ") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const run = event.shiftKey && key in SHIFTED ? () => act(SHIFTED[key]) : KEYS[key];
  if (!run) return;
  event.preventDefault();
  run();
});

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => { state.tab = button.dataset.tab; restart(); });
}
let typed;
for (const id of ["folder", "from", "to", "order"]) {
  $(id).addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(restart, 200); });
}
$("search").addEventListener("submit", (event) => { event.preventDefault(); restart(); });
$("accept-selected").addEventListener("click", () => answer(chosen(), null));
$("fine-selected").addEventListener("click", () => answer(chosen(), 0));
$("accept-all").addEventListener("click", acceptAll);
$("undo").addEventListener("click", () => undo(null));
$("previous").addEventListener("click", () => turnPage(-1));
$("next").addEventListener("click", () => turnPage(1));
$("large").querySelector("button").addEventListener("click", () => $("large").close());
$("training").querySelector("button").addEventListener("click", async () => {
  try {
    await ask("/api/training", {});
    await count();
  } catch (error) {
    say(error.message);
  }
});

const wanted = location.hash.slice(1);
if (wanted in TABS) state.tab = wanted;
load();
