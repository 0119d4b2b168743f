// The devices of an account, as part of its screen: each can be renamed, replaced and removed.

import { list, remove, rename } from "../devices.js";
import * as text from "../text.js";
import { $, element, fault, icon, once, say } from "./screen.js";

let current; // the account
let add; // see wire

// render lists the devices as the server has them now.
export async function render(account) {
  current = account;
  fault("devices");
  $("device-rows").replaceChildren();
  $("devices-hint").textContent = text.looking;
  for (const id of ["devices-again", "add-device", "last-device"]) $(id).hidden = true;
  try {
    const { devices, self_service: may } = await list(account);
    if (current !== account) return;
    $("device-rows").replaceChildren(...devices.map((d) => row(d, may)));
    $("devices-hint").textContent = may ? "" : text.managed;
    $("add-device").hidden = !may;
    $("last-device").hidden = devices.some((d) => !d.this && !d.suspended);
  } catch (err) {
    if (current !== account) return;
    $("devices-hint").textContent = "";
    $("devices-again").hidden = false;
    fault("devices", text.trouble(err));
  }
}

const icons = { page: "browser", terminal: "terminal" };

function row(d, may) {
  const [state, bad] = text.deviceState(d);
  const words = element("span", "text", element("b", "", d.name), element("small", "", text.about(d)));
  if (state) words.append(element("small", bad ? "bad" : "good", state));
  const summary = element("summary", "", icon(icons[d.kind] ?? "phone"), words, icon("next"));
  const body = element("div", "", renaming(d));
  if (d.this) body.append(element("p", "hint", text.device.here));
  else if (may) body.append(...losing(d));
  return element("li", "", element("details", "", summary, body));
}

function renaming(d) {
  const name = element("input", "");
  Object.assign(name, { id: `name-${d.id}`, value: d.name, required: true, maxLength: 64, spellcheck: false });
  const label = element("label", "", text.device.name);
  label.htmlFor = name.id;
  const form = element("form", "", element("p", "", label, name), element("button", "", text.device.rename));
  form.autocomplete = "off";
  form.onsubmit = (event) => {
    event.preventDefault();
    change(() => rename(current, d.id, name.value), text.device.renamed(name.value));
  };
  return form;
}

// losing returns what takes a device away. To remove it takes a second tap, in place.
function losing(d) {
  const button = (className, words, onclick) => Object.assign(element("button", className, words), { type: "button", onclick });
  const sure = element("p", "", text.device.sure(d.name));
  sure.tabIndex = -1;
  const yes = button("danger", text.device.remove, () => change(() => remove(current, d.id), text.device.removed(d.name)));
  const lost = button("", text.device.lost, () => add(current, d));
  const first = button("danger", text.device.remove, () => ask(true));
  const asking = element("div", "asking", sure, yes, button("", text.device.keep, () => ask(false)));
  const ask = (really) => {
    asking.hidden = !really;
    lost.hidden = first.hidden = really;
    (really ? sure : first).focus();
  };
  asking.hidden = true;
  return [lost, first, asking];
}

// change runs what changes a device, and lists them anew.
async function change(work, says) {
  const failed = await once("devices", () => work().then(() => "", text.trouble));
  if (failed) return fault("devices", failed);
  await render(current);
  say(says);
  $("devices").querySelector("h2").focus();
}

// wire connects the controls. Add is called with the account and, to replace it, a device.
export function wire(to) {
  add = to;
  $("devices-again").onclick = () => render(current);
  $("add-device").onclick = () => add(current);
}
