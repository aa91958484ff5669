// Helpers for all parts of the page. Data is only ever inserted as text: names come from forms on the internet.

/** Creates an element. `on…` are listeners, `data` is the dataset; all but `class` and `text` are attributes. */
export function el(tag, { class: classes, text, data, ...rest } = {}, ...children) {
  const node = document.createElement(tag);
  if (classes) node.className = classes;
  if (text !== undefined) node.textContent = text;
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(rest)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** The content of a control whose text alone doesn't say what it is for. What is read begins with what is seen. */
export const named = (text, what) => [text, el("span", { class: "hidden", text: `: ${what}` })];

export const byId = (id) => document.getElementById(id);

/** Sets a text only if it differs, so that it isn't laid out or read aloud again needlessly. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const lists = new WeakMap();

/**
 * Makes `parent`'s children match `items`, in order. An item keeps its element as long as its key exists, so focus,
 * scrolling and open details are preserved. `create(item)` returns `{ node, update(item) }`.
 */
export function keyed(parent, items, key, create) {
  const before = lists.get(parent) ?? new Map();
  const now = new Map();
  for (const item of items) {
    const id = key(item);
    const entry = before.get(id) ?? create(item);
    now.set(id, entry);
    entry.update(item);
  }
  for (const [id, entry] of before) if (!now.has(id)) entry.node.remove();
  let place = parent.firstChild;
  for (const { node } of now.values()) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  lists.set(parent, now);
  return now;
}

const flashing = new Set();

/** Highlights a change. The styles turn this off for users who prefer reduced motion. */
export function flash(node) {
  if (!flashing.size) requestAnimationFrame(flashAll);
  flashing.add(node);
}

function flashAll() {
  for (const node of flashing) node.classList.remove("flash");
  // Reading a size forces a layout, so the browser notices the removed class. Once for all nodes, since layout is slow.
  void document.body.offsetWidth;
  for (const node of flashing) node.classList.add("flash");
  flashing.clear();
}

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** "0:07", "4:59", "1:02:03". */
export function countdown(until) {
  const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(left / 3600);
  const minutes = Math.floor(left / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
}

export function ago(at) {
  const seconds = Math.max(0, Math.floor((Date.now() - at) / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(at).toLocaleDateString();
}

/** A time of today, or else with its date. */
export function clock(at) {
  const time = new Date(at);
  return time.toDateString() === new Date().toDateString() ? time.toLocaleTimeString() : time.toLocaleString();
}

export function took(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
}

/** A relative time that stays current: `tick` updates all of them every second. */
export function timeAgo(at) {
  const node = el("time", { class: "ago" });
  setTime(node, at);
  return node;
}

export function setTime(node, at) {
  if (node.dataset.at === String(at)) return;
  node.dataset.at = at;
  node.dateTime = new Date(at).toISOString();
  node.title = new Date(at).toLocaleString();
  setText(node, ago(at));
}

export function tick() {
  for (const node of document.querySelectorAll("time.ago")) setText(node, ago(Number(node.dataset.at)));
}

/** Posts JSON. Throws the server's message if it refuses. */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("deployer dev is not responding. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(answer.error ?? `the server refused the request (${response.status})`);
    throw Object.assign(error, { fields: answer.fields ?? {} });
  }
  return answer;
}

/** Shows a message in a corner for a few seconds. Errors are read aloud at once. */
export function toast(text, kind = "info") {
  const node = el("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" });
  const cross = el("span", { "aria-hidden": "true", text: "×" });
  const close = el("button", { type: "button", onclick: () => node.remove() }, cross, el("span", { class: "hidden", text: "Dismiss" }));
  byId("toasts").append(node);
  // Screen readers only announce text that is added to an existing region.
  requestAnimationFrame(() => node.append(el("p", { text }), close));
  setTimeout(() => node.remove(), kind === "error" ? 12000 : 5000);
}

export const announce = (text) => setText(byId("announce"), text);

/** Says in a few words what a run did. */
export function runText(run) {
  if (run.outcome === "failed") return run.error ? `failed: ${run.error}` : "failed";
  if (run.outcome === "skipped") return "skipped: another run is under way";
  if (run.dry_run) return `dry run, found ${plural(run.searched, "contact")}`;
  const parts = [
    [run.synced, "synced"],
    [run.failed, "failed"],
    [run.needs_review, run.needs_review === 1 ? "needs review" : "need review"],
    [run.retried, "deferred"],
  ];
  const said = parts.filter(([n]) => n).map(([n, what]) => `${n} ${what}`);
  return said.length ? said.join(", ") : "nothing to do";
}

const ORIGINS = {
  schedule: "on schedule",
  page: "from this page",
  invoke: "by deployer invoke",
  verify: "by deployer verify",
  apply: "by deployer apply",
  other: "by another program",
};

/** Says who started a run. */
export const originText = (run) => ORIGINS[run.origin] ?? run.origin;

export const isIdle = (run) =>
  run.outcome === "ok" && !run.dry_run && !(run.searched || run.synced || run.failed || run.needs_review || run.retried);
