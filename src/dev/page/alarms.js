// The alarms of the manifest: which are raised, beside their venues, and the messages that they sent.

import { byId, clock, el, flash, keyed, setText, setTime, timeAgo, toast, took } from "./dom.js";

export function update(view) {
  byId("alarms").hidden = !view.alarms;
  if (!view.alarms) return;
  const { messages, shared, time_factor: factor } = view.alarms;
  const raised = [shared, ...view.venues.map((venue) => venue.alarm)].filter((alarm) => alarm?.state === "raised").length;
  setText(byId("alarms-count"), raised ? `${raised} raised` : "none raised");
  byId("alarms").classList.toggle("raised", raised > 0);
  const pace = factor > 1 ? ` A second counts as ${factor.toLocaleString("en")}, as rules fire that much more often.` : "";
  setText(byId("alarms-pace"), `What the topic's subscribers would be told.${pace}`);
  keyed(byId("alarm-messages"), messages, messageKey, createMessage);
  byId("alarms-empty").hidden = messages.length > 0;
  announceMessages(messages);
}

const messageKey = (message) => `${message.at_ms} ${message.venue} ${message.raised}`;

const causesText = (alarm) => alarm.causes.map((cause) => cause.text).join(" ");

const lasted = (ms) => (ms < 120000 ? took(ms) : `${Math.round(ms / 60000)} min`);

function messageText(message) {
  if (message.raised) return `Alarm raised. ${causesText(message)}`;
  const after = message.lasted_ms === null ? "" : ` after ${lasted(message.lasted_ms)}`;
  return `Alarm cleared${after}. It was: ${causesText(message)}`;
}

function createMessage(message) {
  const time = timeAgo(message.at_ms);
  const text = el("p", { text: messageText(message) });
  const node = el("li", { class: message.raised ? "raised" : "cleared" }, el("div", { class: "line" }, el("strong", { text: message.display_name }), time), text);
  if (known) flash(node);
  return { node, update: (message) => setTime(time, message.at_ms) };
}

/** The line beside a venue. */
export function createState() {
  const node = el("p", { class: "alarm" });
  return {
    node,
    update(alarm) {
      node.hidden = !alarm;
      if (!alarm) return;
      node.dataset.state = alarm.state;
      const since = alarm.since_ms === null ? "" : ` since ${clock(alarm.since_ms)}`;
      const texts = {
        ok: "No alarm",
        raised: `Alarm${since}. ${causesText(alarm)}`.trim(),
        unknown: "Alarms have no values yet",
      };
      setText(node, texts[alarm.state]);
    },
  };
}

let known;

function announceMessages(messages) {
  const fresh = known ? messages.filter((message) => !known.has(messageKey(message))) : [];
  known = new Set(messages.map(messageKey));
  for (const message of fresh) toast(`${message.display_name}: ${messageText(message)}`, message.raised ? "error" : "info");
}
