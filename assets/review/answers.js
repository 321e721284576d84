// Answers: of one photo, of several, of all that a search finds.
import { $, ask, confirmed, has, make, say, toast } from "/base.js";
import { inOrder, refusal, undo } from "/session.js";
import { UNASKED, article, isProposed, state, tabQuery } from "/state.js";

// Answers in one request; the server writes each to the disk.
const AT_ONCE = 50;

// How the list is shown again: load({ keep }), restart(), show(), count().
let list = {};
export const connect = (given) => { list = given; };

export const body = (items, turn, group) => ({ items: items.map((item) => ({ id: item.id, turn: turn ?? item.turn, seen: item.seen })), group });

const undoing = (group) => ({ label: say("undo"), run: () => undo({ group }) });

function told(results, turn, group) {
  const refused = results.filter((result) => !result.ok);
  const n = results.length - refused.length;
  const done = n ? say(turn === 0 ? "left_n" : "turned_n", { n }) : "";
  toast((done + refusal(refused)).trim(), n ? undoing(group) : undefined);
  return refused;
}

// `turn`: degrees, or null for what each photo's proposal says.
export function answer(items, turn) {
  if (items.length === 0 || state.tab === "skipped") return;
  items.forEach((item) => article(state.items.indexOf(item))?.classList.add("busy"));
  return inOrder(async () => {
    try {
      const { results, group } = await ask("/api/answer", body(items, turn));
      remove(results, told(results, turn, group));
    } finally {
      document.querySelectorAll(".busy").forEach((node) => node.classList.remove("busy"));
    }
  });
}

// All that a query finds, at most `n`, over however many pages.
export function answerAll(query, n, turn) {
  let isStopped = false;
  return inOrder(async () => {
    const progress = toast(say("turning", { n: 0, of: n }), { label: say("stop"), run: () => { isStopped = true; } });
    const results = [];
    let group;
    let after = "";
    query.set("n", AT_ONCE);
    while (after !== null && results.length < n && !isStopped) {
      query.set("after", after);
      const page = await ask(`/api/page?${query}`);
      const items = page.items.slice(0, n - results.length);
      if (items.length === 0) break;
      const said = await ask("/api/answer", body(items, turn, group));
      group = said.group;
      results.push(...said.results);
      after = page.next;
      if (!isStopped) progress.say(say("turning", { n: results.length, of: n }));
    }
    progress.remove();
    told(results, turn, group);
    await list.restart();
  });
}

// Why a photo was not turned, and what helps.
function why({ reason, detail }) {
  const lines = [make("p", { className: "error", textContent: detail, lang: "en" })];
  if (has(`advice_${reason}`)) lines.push(make("p", { className: "advice", textContent: say(`advice_${reason}`) }));
  return lines;
}

// What is settled leaves the page; the next photo moves up under the hand.
function remove(results, refused) {
  const failed = new Map(refused.map((result) => [result.id, result]));
  const gone = new Set(results.filter((result) => result.ok).map((result) => result.id));
  const stays = state.items.filter((item) => !gone.has(item.id));
  if (stays.length === 0 || !(isProposed() || state.tab === "left")) return list.load({ keep: state.current });
  const before = state.items.slice(0, state.current).filter((item) => gone.has(item.id)).length;
  state.items = stays;
  state.selected.clear();
  state.current = Math.min(state.current - before, stays.length - 1);
  list.show();
  for (const [at, item] of stays.entries()) {
    if (failed.has(item.id)) article(at).append(...why(failed.get(item.id)));
  }
  return list.count();
}

// From 0 to 1; null where the field says nothing of use.
function least() {
  const typed = $("least").value.trim();
  const value = Number(typed);
  return typed === "" || !(value >= 0 && value <= 100) ? null : value / 100;
}

const sureQuery = () => tabQuery({ least: least() });

export async function countSure() {
  if (!isProposed()) return;
  const wanted = least();
  const n = wanted === null ? 0 : (await ask(`/api/count?${sureQuery()}`)).count;
  $("accept-all").firstElementChild.textContent = wanted === null ? say("turn_none") : say("turn_n", { n });
  $("accept-all").disabled = n === 0;
}

export async function acceptAll() {
  if (!isProposed()) return;
  const wanted = least();
  if (wanted === null) {
    toast(say("how_sure"));
    $("least").focus();
    return;
  }
  const query = sureQuery();
  const n = (await ask(`/api/count?${query}`)).count;
  if (n === 0) return toast(say("none_that_sure", { percent: $("least").value }));
  const question = say("turn_all_question", { n, percent: $("least").value });
  if (n > UNASKED && !await confirmed(question, say("turn_n", { n }))) return;
  await answerAll(query, n, null);
}
