// What all parts of the page use. Data is only ever put in as text: names come from forms on the internet.

/** An element. `class` and `text` are what they say, `on…` are listeners, `data` is the dataset, the rest attributes. */
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

export const byId = (id) => document.getElementById(id);

/** Sets a text only where it differs, so that nothing is laid out, or read aloud, again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const lists = new WeakMap();

/**
 * Makes `parent`'s children those of `items`, in order. A child stays the same element as long as its key is there, so
 * focus, scrolling and open details stay; `create(item)` gives `{ node, update(item) }`.
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

/** Lets a change be seen. Styles leave it out where less motion is wanted. */
export function flash(node) {
  if (!flashing.size) requestAnimationFrame(flashAll);
  flashing.add(node);
}

function flashAll() {
  for (const node of flashing) node.classList.remove("flash");
  // Reading a size makes the browser see that the class was away: once for all, since it lays out the page.
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

export const clock = (at) => new Date(at).toLocaleTimeString();

export function took(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
}

/** A time that stays right: `tick` writes all of them again each second. */
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

/** Posts JSON. What the server refuses is thrown with its words. */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("deployer dev doesn't answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the request was refused (${response.status})`);
  return answer;
}

/** Says something in a corner for some seconds. Errors are read aloud at once. */
export function toast(text, kind = "info") {
  const node = el("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" });
  const close = el("button", { type: "button", "aria-label": "Dismiss", text: "×", onclick: () => node.remove() });
  byId("toasts").append(node);
  // A region that is there before its text is what screen readers announce.
  requestAnimationFrame(() => node.append(el("p", { text }), close));
  setTimeout(() => node.remove(), kind === "error" ? 12000 : 5000);
}

export const announce = (text) => setText(byId("announce"), text);

/** What a run did, in a few words. */
export function runText(run) {
  if (run.outcome === "failed") return run.error ? `failed: ${run.error}` : "failed";
  const parts = [
    [run.synced, "synced"],
    [run.failed, "failed"],
    [run.needs_review, run.needs_review === 1 ? "needs review" : "need review"],
    [run.retried, "to be retried"],
  ];
  const said = parts.filter(([n]) => n).map(([n, what]) => `${n} ${what}`);
  return said.length ? said.join(", ") : "nothing to do";
}

export const isIdle = (run) =>
  run.outcome === "ok" && !(run.searched || run.synced || run.failed || run.needs_review || run.retried);
