// The page of `deployer dev`: receives views, and passes each to the parts that show it.

import * as activity from "./activity.js";
import * as alarms from "./alarms.js";
import * as contacts from "./contacts.js";
import * as details from "./details.js";
import * as faults from "./faults.js";
import { announce, byId, countdown, el, flash, keyed, named, originText, plural, post, runText, setText, setTime, tick, timeAgo, toast, took } from "./dom.js";

let view;
let waiting = false;

// ---- Connection ----

let source;

function connect() {
  source?.close();
  source = new EventSource("/api/events");
  source.addEventListener("open", () => setLive("live"));
  source.addEventListener("view", (event) => {
    setLive("live");
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => {
    setLive("reconnecting");
    // The browser reconnects by itself, except after a response that isn't an event stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
}

function setLive(state) {
  const live = byId("live");
  live.dataset.state = state;
  setText(live, state);
}

// A hidden page closes its connection: browsers allow only six to one server.
document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : connect()));

/** Draws at most once per frame, and only the newest view. */
function show(next) {
  view = next;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    renderTop();
    keyed(byId("venues"), view.venues, (venue) => venue.name, createVenue);
    faults.update(view);
    alarms.update(view);
    contacts.update(view);
    details.update(view);
    activity.update(view);
    announceRuns();
    everySecond();
  });
}

// ---- Top ----

const SERVICES = [
  ["hubspot", "HubSpot"],
  ["tripleseat", "Tripleseat"],
  ["aws", "AWS"],
];

function renderTop() {
  setText(byId("deployment"), view.deployment);
  setText(byId("portal"), `  ·  portal ${view.portal_id}`);
  document.title = `${view.deployment}: ${contacts.flaggedText(view)}`;
  keyed(byId("addresses"), SERVICES, ([key]) => key, createAddress);
}

function createAddress([key, name]) {
  const address = el("code");
  const copy = el("button", {
    type: "button",
    class: "copy",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(address.textContent);
        toast(`Copied ${address.textContent}`);
      } catch {
        toast("Could not copy: the browser denied access to the clipboard.", "error");
      }
    },
  }, ...named("Copy", `the ${name} address`));
  const node = el("div", {}, el("dt", { text: name }), el("dd", {}, address, copy));
  return { node, update: () => setText(address, view.addresses[key]) };
}

// ---- Venues ----

const COUNTS = [
  ["flagged", "flagged"],
  ["synced", "synced"],
  ["failed", "failed"],
  ["needs_review", "review"],
];

function createVenue(venue) {
  const title = el("h2");
  const badge = el("span", { class: "badge" });
  const next = el("span", { class: "next" });
  const where = el("p", { class: "where" });
  const bar = el("div", { class: "share", "aria-hidden": "true" });
  const numbers = el("dl", { class: "numbers" });
  const counts = COUNTS.map(([key, label]) => {
    const part = el("span", { class: key });
    const value = el("dd");
    bar.append(part);
    numbers.append(el("div", { class: key }, el("dt", { text: label }), value));
    return { key, part, value };
  });
  const alarm = alarms.createState();
  const last = lastRun();
  const [runLabel, runVenue] = [el("span"), el("span", { class: "hidden" })];
  const run = el("button", { type: "button", onclick: () => runNow(now) }, runLabel, runVenue);
  const blocker = el("dl", { class: "blocker" });
  const node = el(
    "article",
    {},
    el("div", { class: "head" }, title, badge, next),
    where,
    alarm.node,
    blocker,
    bar,
    numbers,
    el("div", { class: "foot" }, last.node, run),
  );
  let now = venue;
  return {
    node,
    update(venue) {
      now = venue;
      const blocked = venue.status === "blocked";
      node.className = `venue ${venue.status}${venue.running ? " running" : ""}`;
      setText(title, venue.display_name);
      setText(badge, venue.status);
      next.dataset.until = venue.running ? "" : (venue.next_run_at ?? "");
      next.dataset.running = venue.running;
      setText(where, [venue.destination, blocked ? "" : venue.schedule].filter(Boolean).join("  ·  "));
      for (const part of [bar, numbers, node.lastChild]) part.hidden = blocked;
      blocker.hidden = !venue.blocker;
      if (venue.blocker) renderBlocker(blocker, venue.blocker);
      for (const { key, part, value } of counts) renderCount(part, value, venue.counts[key]);
      alarm.update(venue.alarm);
      last.update(venue.last_run);
      // Not `disabled`: the button would lose the focus.
      run.setAttribute("aria-disabled", venue.running);
      setText(runLabel, venue.running ? "Running" : "Run now");
      setText(runVenue, `: ${venue.display_name}`);
    },
  };
}

function renderCount(part, value, n) {
  part.style.flexGrow = n;
  part.hidden = !n;
  const text = n.toLocaleString("en");
  if (value.textContent === text) return;
  if (value.textContent) flash(value);
  value.textContent = text;
  value.parentElement.classList.toggle("none", !n);
}

function renderBlocker(node, blocker) {
  const facts = [
    ["Reason", blocker.reason],
    ["Owner", blocker.owner],
    ["Next", blocker.next_step],
    ["Since", blocker.since],
  ];
  keyed(node, facts.filter(([, value]) => value), ([name]) => name, ([name]) => {
    const value = el("dd");
    return { node: el("div", {}, el("dt", { text: name }), value), update: ([, text]) => setText(value, text) };
  });
}

function lastRun() {
  const time = timeAgo(Date.now());
  const text = el("span", { class: "said" });
  const more = el("span");
  const node = el("p", { class: "last" }, text, el("span", {}, time, more));
  return {
    node,
    update(run) {
      time.parentElement.hidden = !run;
      node.dataset.outcome = run?.outcome ?? "";
      if (run) setTime(time, run.started_at_ms);
      setText(text, run ? runText(run) : "Not run yet");
      setText(more, run ? `  ·  ${took(run.duration_ms)}, ${originText(run)}${run.cold ? ", cold start" : ""}` : "");
    },
  };
}

/** Venues whose run was started here: its end is announced even if there was nothing to do. */
const asked = new Set();

async function runNow(venue) {
  if (venue.running) return;
  asked.add(venue.name);
  try {
    await post(`/api/venues/${encodeURIComponent(venue.name)}/run`);
  } catch (error) {
    asked.delete(venue.name);
    toast(`Could not run ${venue.display_name}: ${error.message}`, "error");
  }
}

let known;

function announceRuns() {
  const fresh = known ? view.runs.filter((run) => !known.has(run.id)) : [];
  known = new Set(view.runs.map((run) => run.id));
  const worth = fresh.filter((run) => asked.delete(run.venue) || runText(run) !== "nothing to do");
  const name = (run) => view.venues.find((venue) => venue.name === run.venue)?.display_name ?? run.venue;
  if (worth.length) announce(worth.map((run) => `${name(run)}: ${runText(run)}.`).join(" "));
}

// ---- Time ----

function everySecond() {
  tick();
  if (!view) return;
  for (const node of document.querySelectorAll(".next")) {
    const { until, running } = node.dataset;
    const due = Number(until) <= Date.now() ? "due now" : `next in ${countdown(Number(until))}`;
    setText(node, running === "true" ? "running" : until ? due : "");
  }
  const firing = view.venues.filter((venue) => venue.next_run_at !== null);
  const soonest = Math.min(...firing.filter((venue) => !venue.running).map((venue) => venue.next_run_at));
  const due = soonest <= Date.now() ? "next run due now" : `next run in ${countdown(soonest)}`;
  const text = soonest === Infinity ? "all running" : due;
  const every = view.fired_every ? `, every ${view.fired_every}` : "";
  setText(byId("next"), firing.length ? text + every : "no rules enabled");
}

// ---- New contact ----

function openDialog() {
  byId("form").reset();
  showProblems();
  const venues = view?.venues.filter((venue) => venue.status !== "blocked") ?? [];
  const choice = (venue) =>
    el("label", {}, el("input", { type: "checkbox", name: "venues", value: venue.name }), venue.display_name);
  byId("choices").replaceChildren(...venues.map(choice));
  byId("more-fields").replaceChildren(...(view?.form_fields ?? []).map(createField));
  byId("dialog").showModal();
}

/** The properties that aren't the form's own have this before their names. */
const PROPERTY = "property ";

function createField({ name, label, kind, options }) {
  const option = ([text, value]) => el("option", { value, text });
  const input = options.length
    ? el("select", { name: PROPERTY + name }, el("option", { value: "", text: "–" }), ...options.map(option))
    : el("input", { name: PROPERTY + name });
  const hint = kind.startsWith("date") ? " (YYYY-MM-DD)" : "";
  return el("div", { class: "field" }, el("label", {}, label + hint, input));
}

/** Shows what is wrong: with single fields beside them, with anything else at the end. */
function showProblems(text = "", fields = {}) {
  const form = byId("form");
  for (const old of form.querySelectorAll(".field .problem")) old.remove();
  let first;
  for (const input of form.querySelectorAll(".field :is(input, select, textarea)")) {
    const problem = fields[input.name.replace(PROPERTY, "")];
    for (const name of ["aria-invalid", "aria-describedby"]) input.removeAttribute(name);
    if (!problem) continue;
    const id = `problem-${input.name.replaceAll(" ", "-")}`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    input.closest(".field").append(el("p", { class: "problem", id, text: problem }));
    first ??= input;
  }
  byId("problem").hidden = !text;
  setText(byId("problem"), text);
  first?.focus();
}

async function addContact(event) {
  event.preventDefault();
  const contact = { properties: {}, venues: [] };
  for (const [name, value] of new FormData(byId("form"))) {
    if (name === "venues") contact.venues.push(value);
    else if (name.startsWith(PROPERTY)) contact.properties[name.slice(PROPERTY.length)] = value;
    else contact[name] = value;
  }
  try {
    const { id } = await post("/api/contacts", contact);
    byId("dialog").close();
    const flags = contact.venues.length ? `, flagged for ${plural(contact.venues.length, "venue")}` : "";
    toast(`Contact ${id} added${flags}.`);
    show(await (await fetch("/api/view")).json());
    requestAnimationFrame(() => contacts.reveal(id));
  } catch (error) {
    showProblems(error.message, error.fields);
  }
}

byId("new-contact").addEventListener("click", openDialog);
byId("cancel").addEventListener("click", () => byId("dialog").close());
byId("form").addEventListener("submit", addContact);

contacts.start();
activity.start(contacts.reveal);
setInterval(everySecond, 1000);
connect();
