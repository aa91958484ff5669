// The table of contacts: a row per contact and a column per venue. Each cell has the flag, as staff see it in HubSpot,
// and what happened to the contact.

import * as details from "./details.js";
import { byId, clock, el, flash, keyed, plural, post, setText, toast } from "./dom.js";

/** How many rows are added when the end is near, so that a portal with thousands of contacts stays fast. */
const PAGE = 120;

const table = {
  view: null,
  columns: [],
  /** Maps "contact venue" to the requested value, until a view from the server shows the result. */
  asked: new Map(),
  filter: "all",
  query: "",
  limit: PAGE,
};

export function update(view) {
  table.view = view;
  for (const [key, asked] of table.asked) if (asked.done) table.asked.delete(key);
  render();
}

/** Scrolls to a contact, clearing the search and the filter. */
export function reveal(id) {
  const at = table.view.contacts.findIndex((contact) => contact.id === id);
  if (at < 0) return;
  byId("search").value = table.query = "";
  byId("filters").querySelector("input").checked = true;
  table.filter = "all";
  table.limit = Math.max(table.limit, at + PAGE);
  const row = render().get(id).node;
  row.scrollIntoView({ block: "center" });
  for (const cell of row.children) flash(cell);
}

const is = {
  all: () => true,
  flagged: (cell) => cell.flagged,
  synced: (cell) => cell.status === "synced" && !cell.flagged,
  failed: (cell) => cell.status === "failed" && !cell.flagged,
  needs_review: (cell) => cell.status === "needs_review" && !cell.flagged,
};

function render() {
  const { view } = table;
  renderColumns(view);
  const words = table.query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = view.contacts.filter((contact) => {
    const text = [contact.name, contact.email, contact.phone, contact.company, contact.id].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  renderFilters(found);
  // The row that has the focus stays, even if it no longer matches.
  const held = document.activeElement?.closest?.("#rows tr")?.dataset.id;
  const matching = found.filter((contact) => contact.id === held || matches(contact, table.filter));
  const rows = keyed(byId("rows"), matching.slice(0, table.limit), (contact) => contact.id, createRow);
  const all = view.contacts.length;
  const narrowed = matching.length < all;
  setText(byId("contacts-count"), narrowed ? `${matching.length.toLocaleString("en")} of ${all.toLocaleString("en")}` : all.toLocaleString("en"));
  const empty = byId("contacts-empty");
  empty.hidden = matching.length > 0;
  setText(empty, all ? "No contacts match." : "The portal has no contacts yet.");
  return rows;
}

const matches = (contact, filter) => filter === "all" || Object.values(contact.venues).some(is[filter]);

function renderFilters(found) {
  for (const input of byId("filters").querySelectorAll("input")) {
    const n = found.reduce((sum, contact) => sum + (matches(contact, input.value) ? 1 : 0), 0);
    input.nextElementSibling.dataset.count = n.toLocaleString("en");
  }
}

/** A venue that isn't deployed has no flag in HubSpot, so it gets no column. */
function renderColumns(view) {
  const has = (venue) => venue.status !== "blocked" || view.contacts.some((contact) => contact.venues[venue.name]);
  const columns = view.venues.filter(has);
  const same = (a, b) => ["name", "display_name", "status"].every((key) => a[key] === b[key]) && a.blocker?.reason === b.blocker?.reason;
  if (table.columns.length === columns.length && columns.every((venue, at) => same(venue, table.columns[at]))) return;
  table.columns = columns;
  keyed(byId("rows"), [], (contact) => contact.id, createRow);
  byId("columns").closest("table").style.minWidth = `${200 + columns.length * 172}px`;
  byId("columns").replaceChildren(
    el("th", { scope: "col", text: "Contact" }),
    ...columns.map((venue) =>
      el("th", { scope: "col", title: venue.flag_property, text: venue.display_name }, ...suffix(venue)),
    ),
  );
}

const suffix = (venue) => (venue.status === "active" ? [] : [el("span", { class: "count", text: ` ${venue.status}` })]);

function createRow(contact) {
  const name = el("button", { type: "button", class: "name", "aria-haspopup": "dialog", onclick: () => details.open(contact.id) });
  const about = el("span", { class: "about" });
  const cells = table.columns.map((venue) => createCell(contact.id, venue));
  const node = el("tr", { data: { id: contact.id } }, el("th", { scope: "row" }, name, about), ...cells.map((cell) => cell.node));
  return {
    node,
    update(contact) {
      const shown = contact.name.trim() || contact.email || `Contact ${contact.id}`;
      setText(name, shown);
      setText(about, [contact.email, contact.phone, contact.company].filter(Boolean).join("  ·  "));
      about.title = about.textContent;
      cells.forEach((cell) => cell.update(contact.venues[cell.venue], shown));
    },
  };
}

function createCell(id, venue) {
  const key = `${id} ${venue.name}`;
  const box = el("input", { type: "checkbox", onchange: () => setFlag(id, venue, box.checked) });
  const chip = el("span", { class: "chip" });
  const node = el("td", {}, el("div", { class: "cell" }, box, chip));
  let last;
  return {
    node,
    venue: venue.name,
    update(cell, name) {
      const shown = cell && { ...cell, flagged: table.asked.get(key)?.value ?? cell.flagged };
      const signature = JSON.stringify([shown, name]);
      if (signature === last) return;
      node.firstChild.hidden = !shown;
      if (shown) {
        box.checked = shown.flagged;
        box.setAttribute("aria-label", `Flag ${name} for ${venue.display_name}`);
        renderChip(chip, shown, venue);
      }
      if (last !== undefined) flash(node);
      last = signature;
    },
  };
}

/** The kind, the text and the tooltip of a cell. The reason of a failure is part of the text. */
function state(cell, venue) {
  if (cell.status === "sending") return ["sending", "sending", "Being sent. The run hasn't finished yet."];
  if (cell.flagged) return ["waiting", "waiting", waitingFor(venue)];
  switch (cell.status) {
    case "synced": {
      const when = cell.synced_at ? `Synced at ${clock(cell.synced_at)}.` : "";
      return ["synced", cell.lead_id ? `lead #${cell.lead_id}` : "synced", when];
    }
    case "failed":
      return ["failed", `failed: ${cell.error ?? "refused without a reason"}`, ""];
    case "needs_review": {
      const why = cell.error ?? "the lead may or may not exist; check before you set the flag again";
      return ["review", `needs review: ${why}`, ""];
    }
    default:
      return ["", "", ""];
  }
}

function waitingFor(venue) {
  const name = venue.display_name;
  switch (venue.status) {
    case "paused":
      return `${name} is paused: its rule doesn't fire. “Run now” sends it.`;
    case "blocked":
      return `${name} is blocked, so nothing sends it: ${venue.blocker?.reason ?? "nothing is deployed"}.`;
    default:
      return "The next run will send it.";
  }
}

function renderChip(chip, cell, venue) {
  const [kind, text, more] = state(cell, venue);
  chip.className = `chip ${kind}`;
  chip.dataset.tip = more;
  chip.replaceChildren(el("span", { text }));
  // Neither a keyboard nor a screen reader gets to a tooltip.
  if (more) chip.append(el("span", { class: "hidden", text: `: ${more}` }));
}

async function setFlag(contact, venue, value) {
  const key = `${contact} ${venue.name}`;
  const asked = { value, done: false };
  table.asked.set(key, asked);
  render();
  try {
    await post(`/api/contacts/${encodeURIComponent(contact)}/flag`, { venue: venue.name, value });
    asked.done = true;
    // Normally the next view replaces it at once. If none comes, show what the server last sent.
    setTimeout(() => settle(key, asked), 1500);
  } catch (error) {
    settle(key, asked);
    toast(`Could not ${value ? "set" : "clear"} the flag for ${venue.display_name}: ${error.message}`, "error");
  }
}

function settle(key, asked) {
  if (table.asked.get(key) !== asked) return;
  table.asked.delete(key);
  render();
}

export function start() {
  details.start();
  byId("search").addEventListener("input", (event) => narrow({ query: event.target.value }));
  byId("filters").addEventListener("change", (event) => narrow({ filter: event.target.value }));
  const scroll = byId("contacts-scroll");
  scroll.addEventListener("scroll", () => {
    hideTip();
    if (!table.view || scroll.scrollTop + scroll.clientHeight < scroll.scrollHeight - 900) return;
    if (table.limit >= table.view.contacts.length) return;
    table.limit += PAGE;
    render();
  });
  for (const type of ["pointerover", "focusin"]) document.addEventListener(type, showTip);
  for (const type of ["pointerout", "focusout"]) document.addEventListener(type, hideTip);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
}

function narrow(change) {
  Object.assign(table, change, { limit: PAGE });
  byId("contacts-scroll").scrollTop = 0;
  if (table.view) render();
}

/** One tooltip for the whole page: inside the scrolling table it would be cut off. */
function showTip(event) {
  const target = event.target.closest?.("[data-tip]");
  if (!target?.dataset.tip) return;
  const tip = byId("tip");
  setText(tip, target.dataset.tip);
  tip.hidden = false;
  const at = target.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - tip.offsetWidth - 12);
  const below = at.bottom + 6 + tip.offsetHeight < innerHeight;
  tip.style.left = `${Math.max(12, left)}px`;
  tip.style.top = `${below ? at.bottom + 6 : at.top - tip.offsetHeight - 6}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

/** For the title of the page: how many flags are set. */
export const flaggedText = (view) => {
  const n = view.venues.reduce((sum, venue) => sum + venue.counts.flagged, 0);
  return n ? plural(n, "contact waiting", "contacts waiting") : "no contacts waiting";
};
