// What the page shows, and how the server is asked for it.
import { $ } from "/base.js";

export const TABS = ["sure", "doubt", "fixed", "answered", "left", "skipped"];
export const PAGE = 60;
// More than these are turned only after a question.
export const UNASKED = 10;
export const USUAL_ORDER = { sure: "folder", doubt: "confident", left: "doubtful", skipped: "folder" };

export const state = {
  tab: "sure", items: [], cards: [], current: 0, cursors: [""], next: null, selected: new Set(), anchor: 0,
  load: 0, counts: {}, isChosen: false,
};
export const isProposed = () => state.tab === "sure" || state.tab === "doubt";

export function search() {
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

export function tabQuery(more = {}) {
  const query = search();
  query.set("tab", state.tab);
  query.set("order", $("order").value);
  if (state.tab === "skipped") query.set("reason", $("reason").value);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return query;
}

export const chosen = () => [...state.selected].sort((a, b) => a - b).map((at) => state.items[at]);
export const chosenOrCurrent = () => state.selected.size ? chosen() : state.items.slice(state.current, state.current + 1);

// The element of a photo.
export const article = (at) => state.cards[at]?.firstElementChild;
