// The results: each venue's leads, and the runs with their logs.

import { byId, clock, el, flash, isIdle, keyed, originText, plural, runText, setText, setTime, timeAgo, took } from "./dom.js";

/** How many of a venue's leads are shown before "Show all" is clicked. */
const NEWEST = 3;

let names = new Map();
let view;
let first = true;

export function update(next) {
  view = next;
  names = new Map(view.venues.map((venue) => [venue.name, venue.display_name]));
  renderLeads();
  renderRuns();
  first = false;
}

/** `onContact` is called with the id of a contact that somebody asks for. */
export function start(onContact) {
  reveal = onContact;
  byId("hide-idle").addEventListener("change", () => view && renderRuns());
}

let reveal;

function renderLeads() {
  setText(byId("leads-count"), view.leads.length.toLocaleString("en"));
  const byVenue = new Map(view.venues.filter((venue) => venue.status !== "blocked").map((venue) => [venue.name, []]));
  for (const lead of view.leads) {
    if (!byVenue.has(lead.venue)) byVenue.set(lead.venue, []);
    byVenue.get(lead.venue).push(lead);
  }
  keyed(byId("leads"), [...byVenue], ([venue]) => venue, createVenue);
}

function createVenue() {
  const title = el("span");
  const count = el("span", { class: "count" });
  const list = el("ul");
  const empty = el("p", { class: "empty", text: "No leads yet." });
  const [moreText, moreOf] = [el("span"), el("span", { class: "hidden" })];
  const more = el("button", { type: "button", class: "link" }, moreText, moreOf);
  let all = false;
  let leads = [];
  more.addEventListener("click", () => {
    all = !all;
    render();
  });
  function render() {
    keyed(list, all ? leads : leads.slice(0, NEWEST), (lead) => lead.id, createLead);
    empty.hidden = leads.length > 0;
    more.hidden = leads.length <= NEWEST;
    setText(moreText, all ? "Show fewer" : `Show all ${leads.length.toLocaleString("en")}`);
    setText(moreOf, ` leads of ${title.textContent}`);
    more.setAttribute("aria-expanded", all);
  }
  const node = el("section", { class: "group" }, el("h3", {}, title, " ", count), list, empty, more);
  return {
    node,
    update([venue, now]) {
      leads = now;
      setText(title, names.get(venue) ?? venue);
      setText(count, leads.length.toLocaleString("en"));
      render();
    },
  };
}

function createLead(lead) {
  const name = el("span", { class: "name" });
  const about = el("span", { class: "about" });
  const origin = el("button", { type: "button", class: "link" });
  const time = timeAgo(lead.created_at_ms);
  const node = el("li", {}, el("div", { class: "line" }, name, el("span", { class: "id", text: `#${lead.id}` }), time), el("div", { class: "line" }, about, origin));
  let contact;
  origin.addEventListener("click", () => reveal(contact));
  if (!first && Date.now() - lead.created_at_ms < 60000) flash(node);
  return {
    node,
    update(lead) {
      contact = lead.contact_id;
      setText(name, lead.name.trim() || lead.email || "No name");
      setText(about, [lead.email, lead.phone].filter(Boolean).join("  ·  "));
      origin.hidden = !contact;
      setText(origin, contact ? `from contact ${contact}` : "");
    },
  };
}

function renderRuns() {
  const hideIdle = byId("hide-idle").checked;
  const shown = view.runs.filter((run) => !(hideIdle && isIdle(run)));
  keyed(byId("runs"), shown, (run) => run.id, createRun);
  const failed = view.runs.filter((run) => run.outcome === "failed").length;
  setText(byId("runs-count"), view.runs.length.toLocaleString("en") + (failed ? `, ${failed} failed` : ""));
  const empty = byId("runs-empty");
  empty.hidden = shown.length > 0;
  setText(empty, view.runs.length ? "All runs so far found nothing to do." : "No runs yet.");
}

function createRun(run) {
  const venue = el("span", { class: "name" });
  const text = el("span", { class: "what" });
  const time = timeAgo(run.started_at_ms);
  const duration = el("span", { class: "took" });
  const body = el("div", { class: "body" });
  const summary = el("summary", {}, el("span", { class: "dot", "aria-hidden": "true" }), venue, time, duration, text);
  const node = el("details", {}, summary, body);
  let now = run;
  let drawn;
  // Up to 200 logs: each is added to the document only when it is opened.
  function draw() {
    const signature = JSON.stringify(now);
    if (!node.open || drawn === signature) return;
    drawn = signature;
    body.replaceChildren(...details(now));
  }
  node.addEventListener("toggle", draw);
  if (!first) flash(summary);
  return {
    node,
    update(next) {
      now = next;
      node.className = `run ${isIdle(now) ? "idle" : now.outcome}${now.failed || now.needs_review ? " mixed" : ""}`;
      setText(venue, names.get(now.venue) ?? now.venue);
      setText(text, `${runText(now)}  ·  ${originText(now)}`);
      setText(duration, took(now.duration_ms));
      setTime(time, now.started_at_ms);
      draw();
    },
  };
}

function details(run) {
  const facts = [
    ["Found", plural(run.searched, "contact")],
    ["Synced", run.synced],
    ["Failed", run.failed],
    ["Needs review", run.needs_review],
    ["Deferred", run.retried],
    ["Started", clock(run.started_at_ms)],
    ["Started by", originText(run)],
    ["Start", run.cold ? "cold" : "warm"],
    ["Request ID", run.id],
  ];
  const list = el("dl", {}, ...facts.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value }))));
  const log = run.log.length
    ? el("pre", { tabindex: "0", "aria-label": "Log", text: run.log.join("\n") })
    : el("p", { class: "empty", text: "No log output." });
  return [...(run.error ? [el("p", { class: "problem", text: run.error })] : []), list, log];
}
