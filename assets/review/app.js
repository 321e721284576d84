// The review page. It shows what the server says and tells it what the person answers.
import { acceptAll, answer, answerAll, body, connect, countSure } from "/answers.js";
import { $, ask, confirmed, make, number, say, toast } from "/base.js";
import { TURNS, card, enlarge, groups, heading, row } from "/cards.js";
import { countSession, inOrder, onUndone, refusal, undo } from "/session.js";
import * as single from "/single.js";
import { PAGE, TABS, UNASKED, USUAL_ORDER, article, chosen, chosenOrCurrent, isProposed, search, state, tabQuery } from "/state.js";

// ---- loading

async function load({ keep = 0 } = {}) {
  const mine = ++state.load;
  let page;
  try {
    page = await ask(`/api/page?${tabQuery({ after: state.cursors.at(-1), n: PAGE })}`);
  } catch (error) {
    toast(error.message);
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
    state.counts = await ask(`/api/counts?${search()}`);
    for (const button of document.querySelectorAll("nav button")) {
      button.querySelector(".count").textContent = number(state.counts[button.dataset.tab]);
    }
    showEmpty();
    showSelected();
    await Promise.all([countSure(), countSession(), training(state.counts.answers)]);
  } catch (error) {
    toast(error.message);
  }
}

// ---- what is shown

function show() {
  const order = ["fixed", "answered", "skipped"].includes(state.tab) ? "" : $("order").value;
  const shown = groups(order, state.items);
  const nodes = [];
  state.cards = [];
  for (const [n, group] of shown.entries()) {
    const goesOn = n === shown.length - 1 && state.next !== null;
    if (group.title !== undefined) nodes.push(heading(state.tab, group, goesOn, groupActs(group, goesOn)));
    for (const item of group.items) {
      const at = state.cards.length;
      const node = state.tab === "skipped" ? row(item, acts(at)) : card(state.tab, order, item, acts(at));
      state.cards.push(node);
      nodes.push(node);
    }
  }
  $("photos").replaceChildren(...nodes);
  $("photos").classList.toggle("rows", state.tab === "skipped");
  $("heading").textContent = say(`tab_${state.tab}`);
  $("previous").disabled = state.cursors.length < 2;
  $("next").disabled = state.next === null;
  $("previous").parentElement.hidden = state.cursors.length < 2 && state.next === null;
  $("page-number").textContent = say("page", { n: state.cursors.length });
  $("order-label").hidden = !(state.tab in USUAL_ORDER) || state.tab === "skipped";
  $("reason-label").hidden = state.tab !== "skipped";
  $("sure").hidden = !isProposed();
  $("open-one").hidden = !isProposed() || state.items.length === 0;
  // What is sure is turned together, what is in doubt one by one.
  $("accept-all").classList.toggle("main", state.tab === "sure");
  $("open-one").classList.toggle("main", state.tab === "doubt");
  $("select-all").classList.toggle("bare", state.tab === "skipped");
  for (const button of document.querySelectorAll("nav button")) {
    button.dataset.tab === state.tab ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current");
  }
  showSelected();
  showEmpty();
  mark(state.current);
  if (!["INPUT", "SELECT"].includes(document.activeElement.tagName) && !document.querySelector("dialog[open]")) focusCurrent();
}

function showEmpty() {
  const box = $("empty");
  box.hidden = state.items.length > 0 || state.counts.sure === undefined;
  if (box.hidden) return;
  const { sure, doubt, fixed, fine, is_empty } = state.counts;
  const isSearching = [...search()].some(([, value]) => value !== "");
  const button = (text, run) => {
    const node = make("button", { type: "button", textContent: text });
    node.addEventListener("click", run);
    return node;
  };
  const lines = [];
  if (is_empty) lines.push(make("p", { textContent: say("nothing_known") }), make("code", { textContent: "orientd scan ~/Pictures" }));
  else if (isSearching) {
    lines.push(make("p", { textContent: say("nothing_found") }));
    lines.push(button(say("clear_search"), () => { $("search").reset(); restart(); }));
  } else if (state.tab === "sure" && doubt > 0) {
    lines.push(make("p", { textContent: say("none_sure", { n: doubt }) }), button(say("go_to_doubt"), () => choose("doubt")));
  } else if (state.tab === "doubt" && sure > 0) {
    lines.push(make("p", { textContent: say("none_in_doubt", { n: sure }) }), button(say("go_to_sure"), () => choose("sure")));
  } else if (isProposed()) lines.push(make("p", { textContent: say("all_done", { turned: fixed, fine }) }));
  else lines.push(make("p", { textContent: say("no_photos_here") }));
  box.replaceChildren(...lines);
}

const acts = (at) => ({
  answer: (item, turn) => { mark(at); answer([item], turn); },
  undo: (item) => { mark(at); undo({ ids: [item.id] }); },
  select: (on, isRange) => isRange ? selectTo(at) : select(at, on),
  mark: () => mark(at),
  enlarge,
  copy,
  open: failing((item, what) => ask("/api/open", { id: item.id, what })),
  isHere: document.body.dataset.here === "true",
});

// A group that goes on beyond this page is answered as a whole where it is a folder.
function groupActs(group, goesOn) {
  return {
    select: () => { for (const item of group.items) select(state.items.indexOf(item), true); },
    answer: async (turn) => {
      const isWhole = goesOn && $("order").value === "folder";
      const query = tabQuery({ beside: group.items[0].id });
      const n = isWhole ? (await ask(`/api/count?${query}`)).count : group.items.length;
      if (n > UNASKED && !await confirmed(say("turn_group", { n, where: group.title, how: how(turn) }), say("yes_all", { n }))) return;
      isWhole ? answerAll(query, n, turn) : answer(group.items, turn);
    },
  };
}

const how = (turn) => turn === null ? say("turn_as_shown") : say({ 0: "fine_as_it_is", 270: "turn_left", 180: "turn_around", 90: "turn_right" }[turn]);

async function copy(item) {
  try {
    await navigator.clipboard.writeText(item.path);
    toast(say("copied"));
  } catch {
    // Without TLS browsers give no clipboard: then it can be marked by hand.
    toast(item.path);
  }
}

// ---- the current photo, and selected ones

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

// To the nearest photo of the next row, whichever groups lie between.
function moveRow(by) {
  const here = state.cards[state.current];
  if (!here) return;
  const beyond = state.cards.filter((node) => by * (node.offsetTop - here.offsetTop) > 0);
  const top = by > 0 ? Math.min(...beyond.map((node) => node.offsetTop)) : Math.max(...beyond.map((node) => node.offsetTop));
  const apart = (node) => Math.abs(node.offsetLeft - here.offsetLeft);
  const nearest = beyond.filter((node) => node.offsetTop === top).sort((a, b) => apart(a) - apart(b))[0];
  if (nearest) { mark(state.cards.indexOf(nearest)); focusCurrent(); }
}

function select(at, on) {
  const box = article(at)?.querySelector("input");
  if (!box) return;
  on ? state.selected.add(at) : state.selected.delete(at);
  state.anchor = at;
  article(at).classList.toggle("selected", on);
  box.checked = on;
  showSelected();
}

function selectTo(at) {
  const anchor = state.anchor;
  for (let i = Math.min(anchor, at); i <= Math.max(anchor, at); i++) select(i, true);
  state.anchor = anchor;
}

const selectAll = (on) => state.items.forEach((_, at) => select(at, on));

function showSelected() {
  const n = state.selected.size;
  $("selected").textContent = n ? say("n_selected", { n }) : say("n_photos", { n: state.counts[state.tab] ?? state.items.length });
  $("all").checked = n > 0 && n === state.items.length;
  $("all").indeterminate = n > 0 && n < state.items.length;
  $("chosen").hidden = n === 0;
  $("bar").classList.toggle("selecting", n > 0);
  $("sure").hidden = !isProposed() || n > 0;
  if (n > 0) {
    const button = (text, run, className = "") => {
      const node = make("button", { type: "button", textContent: text, className });
      node.addEventListener("click", run);
      return node;
    };
    const canAnswer = isProposed() || state.tab === "left";
    const nodes = [];
    if (isProposed()) nodes.push(button(say("turn_as_shown"), () => answer(chosen(), null), "main"));
    if (canAnswer) nodes.push(button(say("fine_as_it_is"), () => answer(chosen(), 0)));
    const ways = make("span", { className: "ways" });
    for (const [degrees, text, label] of TURNS) {
      const node = button(text, () => answer(chosen(), degrees));
      node.title = say(label);
      ways.append(node);
    }
    nodes.push(ways);
    if (!canAnswer) nodes.unshift(button(say("put_back"), () => undo({ ids: chosen().map((item) => item.id) })));
    $("chosen").replaceChildren(...nodes, button(say("select_none"), () => selectAll(false)));
  }
}

// ---- one at a time

function openSingle() {
  if (!isProposed() || state.items.length === 0 || single.isOpen()) return;
  let after = state.next;
  single.open({
    items: [...state.items],
    total: Math.max(state.counts[state.tab] ?? 0, state.items.length),
    more: async () => {
      if (after === null) return [];
      const page = await ask(`/api/page?${tabQuery({ after, n: PAGE })}`);
      after = page.next;
      return page.items;
    },
    answer: (item, turn) => inOrder(async () => {
      const { results } = await ask("/api/answer", body([item], turn));
      const refused = results.filter((result) => !result.ok);
      if (refused.length) toast(refusal(refused).trim());
    }),
    undo: (item) => inOrder(() => ask("/api/undo", { ids: [item.id] })),
    closed: () => inOrder(() => load({ keep: state.current })),
  }, state.current);
}

// ---- pages and tabs

function turnPage(by) {
  if (by > 0 && state.next !== null) state.cursors.push(state.next);
  else if (by < 0 && state.cursors.length > 1) state.cursors.pop();
  else return;
  load().then(() => scrollTo(0, 0));
}

function restart() {
  state.cursors = [""];
  // A tab that nobody chose is chosen anew when the page is loaded again.
  if (state.isChosen) history.replaceState(null, "", `/#${state.tab}`);
  return load();
}

async function go(tab) {
  state.tab = tab;
  $("order").value = sessionStorage.getItem(`order-${tab}`) ?? USUAL_ORDER[tab] ?? "folder";
  if (tab === "skipped") await loadReasons();
  return restart();
}

function choose(tab) {
  state.isChosen = true;
  return go(tab);
}

async function loadReasons() {
  const { reasons } = await ask("/api/reasons");
  const wanted = $("reason").value;
  const option = ({ reason, count }) => make("option", { value: reason, textContent: `${say(`why_${reason}`).replace(/^why_/, "")} (${number(count)})` });
  $("reason").replaceChildren(make("option", { value: "", textContent: say("all_reasons") }), ...reasons.map(option));
  $("reason").value = reasons.some(({ reason }) => reason === wanted) ? wanted : "";
}

async function training(answers) {
  const { installed, running, line, succeeded } = await ask("/api/training");
  const [text, button] = $("training").children;
  const ended = succeeded === null ? "" : ` ${say(succeeded ? "trained_well" : "trained_badly")} ${line}`;
  $("training").hidden = !installed || (!running && answers < 20 && succeeded === null);
  text.textContent = running ? say("training", { line }) : say("retrain_why", { n: answers }) + ended;
  button.hidden = running;
  if (running) setTimeout(() => training(answers).catch((error) => toast(error.message)), 1000);
}

// ---- keys and buttons

const act = (turn) => answer(chosenOrCurrent(), turn);
const failing = (run) => (...given) => Promise.resolve(run(...given)).catch((error) => toast(error.message));
const KEYS = {
  ArrowLeft: () => move(-1), h: () => move(-1), ArrowRight: () => move(1), l: () => move(1),
  ArrowUp: () => moveRow(-1), k: () => moveRow(-1), ArrowDown: () => moveRow(1), j: () => moveRow(1),
  Home: () => move(-1e6), End: () => move(1e6),
  PageDown: () => turnPage(1), PageUp: () => turnPage(-1),
  Enter: () => isProposed() && act(null), Backspace: () => act(0), u: () => undo({}), a: failing(acceptAll), o: openSingle,
  " ": () => select(state.current, !state.selected.has(state.current)), Escape: () => selectAll(false),
  z: () => { const item = state.items[state.current]; if (item) enlarge(item, isProposed() ? item.turn : 0); },
  1: () => act(0), 2: () => act(270), 3: () => act(180), 4: () => act(90),
};
const SHIFTED = { ArrowUp: () => act(0), ArrowLeft: () => act(270), ArrowDown: () => act(180), ArrowRight: () => act(90) };

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const tag = event.target.tagName;
  const isTyping = tag === "SELECT" || (tag === "INPUT" && event.target.type !== "checkbox");
  if (isTyping || ((tag === "BUTTON" || tag === "A") && (event.key === "Enter" || event.key === " "))) return;
  if (tag === "INPUT" && event.key === " ") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const run = event.ctrlKey ? (key === "a" ? () => selectAll(true) : null) : event.shiftKey ? SHIFTED[key] ?? KEYS[key] : KEYS[key];
  if (!run) return;
  event.preventDefault();
  run();
});

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", failing(() => choose(button.dataset.tab)));
}
let typed;
for (const id of ["folder", "from", "to", "order", "reason"]) {
  $(id).addEventListener("input", () => {
    if (id === "order") sessionStorage.setItem(`order-${state.tab}`, $("order").value);
    clearTimeout(typed);
    typed = setTimeout(restart, 200);
  });
}
let counting;
$("least").addEventListener("input", () => { clearTimeout(counting); counting = setTimeout(failing(countSure), 200); });
$("search").addEventListener("submit", (event) => { event.preventDefault(); restart(); });
$("filter").addEventListener("click", () => {
  const isOpen = $("tools").classList.toggle("open");
  $("filter").setAttribute("aria-expanded", isOpen);
});
for (const button of document.querySelectorAll("#languages button")) {
  button.addEventListener("click", () => {
    document.cookie = `orientd_language=${button.lang}; path=/; max-age=31536000; samesite=strict`;
    location.reload();
  });
}
$("all").addEventListener("click", () => selectAll($("all").checked));
$("accept-all").addEventListener("click", failing(acceptAll));
$("open-one").addEventListener("click", openSingle);
$("undo").addEventListener("click", () => undo({}));
$("previous").addEventListener("click", () => turnPage(-1));
$("next").addEventListener("click", () => turnPage(1));
$("training").querySelector("button").addEventListener("click", failing(async () => {
  await ask("/api/training", {});
  await count();
}));
connect({ load, restart, show, count });
onUndone(() => load({ keep: state.current }));

async function start() {
  const wanted = location.hash.slice(1);
  if (TABS.includes(wanted)) return choose(wanted);
  // What is sure comes first; what is in doubt if there is none; and what to do next if there is neither.
  for (const tab of ["sure", "doubt", "sure"]) {
    await go(tab);
    if (state.items.length > 0) return;
  }
}
failing(start)();
