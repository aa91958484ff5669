// What disturbs the system: the faults that can be switched on, and edits of the manifest that were rejected. Whatever is
// disturbed now is also said at the top of the page.

import { byId, clock, el, flash, keyed, named, plural, post, setText, toast } from "./dom.js";

export function update(view) {
  const on = view.faults.filter((fault) => fault.on_since_ms !== null);
  setText(byId("faults-count"), on.length ? `${on.length} on` : "none on");
  keyed(byId("faults"), view.faults, (fault) => fault.key, createSwitch);
  const notices = on.map((fault) => ({ key: `fault ${fault.key}`, fault }));
  if (view.edit?.outcome === "rejected") notices.unshift({ key: "edit", edit: view.edit });
  keyed(byId("notices"), notices, (notice) => notice.key, createNotice);
  byId("notices").hidden = !notices.length;
  announceEdit(view.edit);
}

function createSwitch(fault) {
  const id = `fault-${fault.key}`;
  const box = el("input", { type: "checkbox", role: "switch", "aria-describedby": id });
  const requests = el("span", { class: "count" });
  box.addEventListener("change", () => switchFault(fault, box.checked));
  const node = el("li", {}, el("label", {}, box, el("span", { text: fault.name }), requests), el("p", { id, text: fault.effect }));
  return {
    node,
    update(fault) {
      const on = fault.on_since_ms !== null;
      box.checked = on;
      node.classList.toggle("on", on);
      setText(requests, on ? ` ${plural(fault.requests, "request")} so far` : "");
    },
  };
}

function createNotice({ fault, edit }) {
  if (edit) return createEditNotice();
  const since = el("span", { class: "count" });
  const off = el("button", { type: "button", onclick: () => switchFault(fault, false) }, ...named("Switch off", fault.name));
  const text = el("p", {}, el("strong", { text: `${fault.name}.` }), " ", fault.effect, " ", since);
  const node = el("div", { class: "notice fault" }, text, off);
  flash(node);
  return { node, update: ({ fault }) => setText(since, `On since ${clock(fault.on_since_ms)}.`) };
}

function createEditNotice() {
  const when = el("strong");
  const mistakes = el("pre", { tabindex: "0", role: "region", "aria-label": "Mistakes in the manifest" });
  const node = el("div", { class: "notice edit" }, el("p", {}, when, " What ran before keeps running."), mistakes);
  return {
    node,
    update({ edit }) {
      setText(when, `The edit of the manifest at ${clock(edit.at_ms)} was rejected.`);
      setText(mistakes, edit.mistakes);
    },
  };
}

let announced;

function announceEdit(edit) {
  const at = edit?.at_ms ?? 0;
  if (announced !== undefined && at !== announced && edit.outcome === "applied") {
    toast(`The manifest was edited: ${plural(edit.changes, "change")} applied.`);
  }
  announced = at;
}

async function switchFault(fault, on) {
  try {
    await post(`/api/faults/${encodeURIComponent(fault.key)}`, { on });
  } catch (error) {
    toast(`Could not switch ${on ? "on" : "off"} “${fault.name}”: ${error.message}`, "error");
  }
}
