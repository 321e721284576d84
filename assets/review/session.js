// Taking back, and the list of what was answered since `orientd review` was started.
import { $, ask, clock, make, say, toast } from "/base.js";

let changed = () => {};
// `run` is called whenever something was taken back.
export const onUndone = (run) => { changed = run; };

// One after the other, so that a fast hand never overtakes itself.
let queue = Promise.resolve();
export function inOrder(work) {
  queue = queue.then(work).catch((error) => { toast(error.message); });
  return queue;
}

const why = (refused) => [...new Set(refused.map((result) => result.detail))].join("; ");

// What is said of photos that stay as they are.
export const refusal = (refused) => refused.length ? " " + say("not_changed", { n: refused.length, why: why(refused) }) : "";

// `what`: { ids }, { group }, or {} for what was last answered together.
export function undo(what) {
  return inOrder(async () => {
    const done = [];
    const refused = [];
    let next = what;
    const progress = toast(say("putting_back"));
    while (next) {
      const { results, group, left } = await ask("/api/undo", next);
      for (const result of results) (result.ok ? done : refused).push(result);
      next = left > 0 ? { group } : null;
    }
    progress.remove();
    toast(done.length || refused.length ? (done.length ? say("put_back_n", { n: done.length }) : "") + refusal(refused) : say("nothing_to_undo"));
    await changed();
  });
}

async function show() {
  const { groups } = await ask("/api/session");
  const list = $("session").querySelector("ol");
  list.replaceChildren(...groups.map(entry));
  if (groups.length === 0) list.append(make("li", { textContent: say("nothing_done") }));
}

function entry({ group, at, turned, fine, first }) {
  const did = [turned && say("did_turn", { n: turned }), fine && say("did_fine", { n: fine })].filter(Boolean).join(", ");
  const name = turned + fine === 1 ? first : say("and_more", { name: first, n: turned + fine - 1 });
  const button = make("button", { type: "button", textContent: say("undo") });
  button.setAttribute("aria-label", `${say("undo")}: ${did}, ${name}`);
  button.addEventListener("click", () => undo({ group }).then(show));
  return make("li", {}, make("time", { textContent: clock(at) }), make("div", {}, make("strong", { textContent: did }), make("p", { textContent: name })), button);
}

export async function countSession() {
  const { groups } = await ask("/api/session");
  $("open-session").querySelector(".count").textContent = groups.length || "";
  $("undo").disabled = groups.length === 0;
}

$("open-session").addEventListener("click", () => {
  show().then(() => $("session").showModal()).catch((error) => toast(error.message));
});
