// Everything about one contact, in a dialog: its state, ledger, history, leads and runs at each venue, and its properties.

import { byId, clock, el, originText, runText, setText, timeAgo } from "./dom.js";

let shown;
let view;
let drawn;

export function update(next) {
  view = next;
  if (shown) load();
}

export async function open(id) {
  shown = id;
  drawn = undefined;
  byId("details-body").replaceChildren();
  setText(byId("details-title"), `Contact ${id}`);
  await load();
  const dialog = byId("details");
  if (!dialog.open) dialog.showModal();
}

async function load() {
  const id = shown;
  let text;
  try {
    const response = await fetch(`/api/contacts/${encodeURIComponent(id)}`);
    text = response.ok ? await response.text() : undefined;
  } catch {
    if (!drawn) byId("details-body").replaceChildren(el("p", { text: "deployer dev is not responding. Is it still running?" }));
    return;
  }
  if (id !== shown) return;
  const runs = JSON.stringify(view.runs.map((run) => run.id));
  if (drawn === text + runs) return;
  drawn = text + runs;
  if (text === undefined) byId("details-body").replaceChildren(el("p", { text: "This contact no longer exists." }));
  else draw(JSON.parse(text));
}

function draw(contact) {
  setText(byId("details-title"), `${contact.name || "No name"}, contact ${contact.id}`);
  const venues = new Map(view.venues.map((venue) => [venue.name, venue]));
  const known = contact.venues.filter((at) => at.history.length || at.leads.length);
  byId("details-body").replaceChildren(
    ...known.map((at) => venueSection(at, venues.get(at.venue))),
    ...(known.length ? [] : [el("p", { class: "quiet", text: "No venue has ever had this contact flagged." })]),
    section("HubSpot properties", factList(contact.properties.map((property) => [property.label, property.value]))),
  );
}

function venueSection(at, venue) {
  const runs = new Map(view.runs.map((run) => [run.id, run]));
  const values = at.ledger.filter((property) => property.value);
  const parts = [el("h4", { text: "Ledger" }), factList(values.map((property) => [property.label, valueText(property)]))];
  if (at.leads.length) {
    parts.push(el("h4", { text: "Leads" }), el("ul", {}, ...at.leads.map(leadItem)));
  }
  if (at.runs.length) {
    parts.push(el("h4", { text: "Runs that wrote to it" }), el("ul", {}, ...at.runs.map((id) => runItem(id, runs.get(id)))));
  }
  parts.push(el("h4", { text: "History" }), el("ol", { class: "history" }, ...at.history.map((change) => changeItem(change, runs))));
  return section(venue?.display_name ?? at.venue, ...parts);
}

const section = (title, ...parts) => el("section", {}, el("h3", { text: title }), ...parts);

function factList(facts) {
  return el("dl", {}, ...facts.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value }))));
}

function valueText({ label, value }) {
  if (label === "Flag") return value === "true" ? "set" : "not set";
  if (label === "Synced at") return timeText(value);
  return value;
}

function timeText(value) {
  const at = new Date(/^\d+$/.test(value) ? Number(value) : value);
  return Number.isNaN(at.valueOf()) ? value : at.toLocaleString();
}

const leadItem = (lead) =>
  el("li", {}, `#${lead.id} ${lead.name} `, el("span", { class: "quiet" }, timeAgo(lead.created_at_ms)));

function runItem(id, run) {
  if (!run) return el("li", { text: id });
  return el("li", {}, `${runText(run)}, ${originText(run)} `, el("span", { class: "quiet" }, timeAgo(run.started_at_ms)));
}

function changeItem(change, runs) {
  const value = change.value ? valueText(change) : "cleared";
  const run = runs.get(change.run);
  const by = change.run ? `by a run ${run ? originText(run) : ""}`.trim() : "by staff or an import";
  return el("li", {}, el("span", { class: "at", text: clock(change.at_ms) }), ` ${change.label}: ${value} `, el("span", { class: "quiet", text: by }));
}

export function start() {
  byId("details-close").addEventListener("click", () => byId("details").close());
  byId("details").addEventListener("close", () => (shown = undefined));
}
