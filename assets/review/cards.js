// Photos as cards and rows, and the groups that they stand in. Names of files only ever become text, never markup.
import { $, has, make, number, picture, say, time } from "/base.js";

// Clockwise turns in the order of their buttons and keys.
export const TURNS = [[270, "↺ 90°", "turn_left"], [180, "180°", "turn_around"], [90, "↻ 90°", "turn_right"]];
export const sign = (turn) => TURNS.find(([degrees]) => degrees === turn)?.[1] ?? say("as_it_is");
const EVENT_GAP = 3 * 3600;

export const percent = (item) => Math.floor(item.confidence * 100);

export function pill(item, node = make("span", { className: "pill" })) {
  node.textContent = item.confidence === null ? "" : say("sure", { n: percent(item) });
  node.dataset.sure = item.confidence >= 0.9 ? "very" : item.confidence >= 0.5 ? "rather" : "hardly";
  return node;
}

function figure(item, turn, caption) {
  const image = make("img", { src: picture(item), alt: "", loading: "lazy", decoding: "async", className: `turn-${turn}` });
  const frame = make("div", { className: "frame" }, image);
  frame.dataset.missing = say("no_picture");
  image.addEventListener("error", () => frame.classList.add("broken"));
  return make("figure", {}, frame, make("figcaption", { textContent: caption }));
}

// What the right-hand picture is turned by, beside how its file has it, and what is said under it.
function result(tab, item) {
  if (tab === "sure" || tab === "doubt") return [item.turn, sign(item.turn)];
  if (tab === "answered") return [0, item.turn ? say("turned_by", { turn: sign(item.turn) }) : say("fine_as_it_is")];
  return [0, tab === "fixed" ? say("turned_by", { turn: sign(item.turn) }) : say("now")];
}

function pictures(tab, item, enlarge) {
  const [turn, caption] = result(tab, item);
  const pair = make("div", { className: "pair" });
  if (tab === "sure" || tab === "doubt") pair.append(figure(item, 0, say("now")));
  if (tab === "fixed") pair.append(figure(item, (360 - item.turn) % 360, say("before")));
  pair.append(figure(item, turn, caption));
  for (const image of pair.querySelectorAll("img")) {
    const shown = Number(image.className.slice("turn-".length));
    image.addEventListener("click", (event) => { if (!event.shiftKey) enlarge(item, shown); });
  }
  return pair;
}

// While a button is pointed at, the right-hand picture shows what it would do.
function preview(button, article, tab, item, turn) {
  const show = (degrees, caption, trying) => {
    const figure = article.querySelector(".pair").lastElementChild;
    figure.querySelector("img").className = `turn-${degrees}`;
    figure.lastElementChild.textContent = caption;
    figure.classList.toggle("trying", trying);
  };
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => show(turn, sign(turn), true));
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => show(...result(tab, item), false));
}

function actions(article, tab, item, act) {
  const bar = make("div", { className: "actions" });
  const button = (parent, text, className, label, run, turn) => {
    const node = make("button", { type: "button", textContent: text, className, title: label, tabIndex: -1 });
    node.setAttribute("aria-label", `${label}: ${item.name}`);
    node.addEventListener("click", run);
    if (turn !== undefined) preview(node, article, tab, item, turn);
    parent.append(node);
  };
  if (tab === "sure" || tab === "doubt") {
    const kind = item.confidence >= 0.5 ? "accept main" : "accept";
    button(bar, say("turn"), kind, say("turn_as_shown"), () => act.answer(item, item.turn), item.turn);
    button(bar, say("fine"), "fine", say("fine_as_it_is"), () => act.answer(item, 0), 0);
  }
  if (tab === "fixed" || tab === "answered") button(bar, say("put_back"), "fine", say("put_back"), () => act.undo(item));
  const ways = make("span", { className: "ways" });
  for (const [degrees, text, label] of TURNS) {
    button(ways, text, "way", say(label), () => act.answer(item, degrees), degrees);
  }
  bar.append(ways);
  return bar;
}

function describe(tab, item) {
  if (tab === "sure" || tab === "doubt") return say("described_proposal", { turn: sign(item.turn), n: percent(item) });
  if (tab === "left") return say("described_upright", { n: percent(item) });
  return item.turn ? say("turned_by", { turn: sign(item.turn) }) : say("fine_as_it_is");
}

// `act`: answer(item, turn), undo(item), enlarge(item, turn), select(on, shift), mark().
export function card(tab, order, item, act) {
  const article = make("article", { className: "photo", tabIndex: -1 });
  article.setAttribute("aria-label", `${item.name}, ${describe(tab, item)}`);
  const box = make("input", { type: "checkbox" });
  box.setAttribute("aria-label", say("select_photo", { name: item.name }));
  box.addEventListener("click", (event) => act.select(box.checked, event.shiftKey));
  const day = time(item, { dateStyle: "medium" });
  const where = order === "folder" ? day : `${item.folder} · ${day}`; // The group's heading names the folder.
  const about = make("div", { className: "about" }, box,
    make("div", {}, make("h3", { textContent: item.name, title: item.path }), make("p", { textContent: where, title: item.path })));
  if (item.confidence !== null) about.append(pill(item));
  article.append(pictures(tab, item, act.enlarge), about);
  if (tab === "left" || tab === "answered") article.classList.add("single");
  article.append(actions(article, tab, item, act));
  article.addEventListener("focus", act.mark);
  article.addEventListener("pointerdown", act.mark);
  return make("li", {}, article);
}

// A photo that was not looked at: why, and what helps.
export function row(item, act) {
  const why = has(`why_${item.reason}`) ? say(`why_${item.reason}`) : item.detail;
  const article = make("article", { className: "photo row", tabIndex: -1 });
  article.setAttribute("aria-label", `${item.name}, ${why}`);
  const words = make("div", {}, make("h3", { textContent: item.name, title: item.path }),
    make("p", { textContent: item.folder, title: item.path }), make("p", { className: "why", textContent: why }));
  if (item.detail && item.detail.toLowerCase() !== why.toLowerCase()) words.append(make("p", { className: "soft", textContent: item.detail, lang: "en" }));
  if (has(`advice_${item.reason}`)) words.append(make("p", { className: "advice", textContent: say(`advice_${item.reason}`) }));
  const tools = make("div", { className: "tools" });
  const button = (text, run) => {
    const made = make("button", { type: "button", textContent: text, tabIndex: -1 });
    made.setAttribute("aria-label", `${text}: ${item.name}`);
    made.addEventListener("click", run);
    tools.append(made);
  };
  if (act.isHere) {
    button(say("open_photo"), () => act.open(item, "photo"));
    button(say("open_folder"), () => act.open(item, "folder"));
  }
  button(say("copy_path"), () => act.copy(item));
  article.append(words, tools);
  article.addEventListener("focus", act.mark);
  article.addEventListener("pointerdown", act.mark);
  return make("li", {}, article);
}

// Neighbours in the list that belong together: [{ title, items }]. One without a title in other orders.
export function groups(order, items) {
  const found = [];
  let latest = null;
  for (const item of items) {
    const seconds = item.taken ?? item.modified;
    const apart = order === "folder" ? item.folder !== latest?.folder : Math.abs(seconds - latest?.seconds) > EVENT_GAP;
    if (!latest || ((order === "folder" || order === "time") && apart)) found.push({ items: [] });
    found.at(-1).items.push(item);
    latest = { folder: item.folder, seconds };
  }
  for (const group of found) {
    if (order === "folder") group.title = group.items[0].folder;
    if (order === "time") group.title = period(group.items[0], group.items.at(-1));
  }
  return found;
}

function period(first, last) {
  const day = (item) => time(item, { dateStyle: "full" });
  const hour = (item) => time(item, { timeStyle: "short" });
  if (day(first) !== day(last)) return `${day(first)} – ${day(last)}`;
  return hour(first) === hour(last) ? `${day(first)}, ${hour(first)}` : `${day(first)}, ${hour(first)}–${hour(last)}`;
}

// The heading of a group. `act`: select(items), answer(turn or null), for the whole group.
export function heading(tab, group, goesOn, act) {
  const n = group.items.length;
  const count = goesOn ? say("more_than", { n }) : number(n);
  const title = make("h3", {}, group.title, " ", make("span", { className: "count", textContent: count }));
  const node = make("li", { className: "group" }, title);
  if (n < 2 && !goesOn) return node;
  const tools = make("div", { className: "ways" });
  const button = (text, label, run) => {
    const made = make("button", { type: "button", textContent: text, title: label });
    made.setAttribute("aria-label", `${label}: ${group.title}`);
    made.addEventListener("click", run);
    tools.append(made);
  };
  button(say("select"), say("select_group"), act.select);
  if (tab === "sure" || tab === "doubt" || tab === "left") {
    const all = (label) => say("all_of_group", { what: label });
    if (tab !== "left") button(say("as_shown"), all(say("turn_as_shown")), () => act.answer(null));
    for (const [degrees, text, label] of TURNS) button(text, all(say(label)), () => act.answer(degrees));
    button(say("fine"), all(say("fine_as_it_is")), () => act.answer(0));
  }
  node.append(tools);
  return node;
}

export function enlarge(item, turn) {
  const image = $("large").querySelector("img");
  image.src = picture(item, "large");
  image.alt = item.name;
  image.className = `turn-${turn}`;
  $("large").showModal();
}
