// The screens "add", which shows a code for another device, and "added", when that has enrolled
// (statement 9.1).

import { invite, list } from "../devices.js";
import * as text from "../text.js";
import { $, fault, once, say, show } from "./screen.js";

const lookPause = 3000; // milliseconds between two looks for the new device

let account;
let current; // {replaces, added}: the addition that is shown, or was shown last
let code; // {link, qr, until}, if there is one
let rerender = () => {};

// render shows an addition: {replaces}, a device whose place the new one takes, if there is one.
export function render(to, addition) {
  account = to;
  if (current !== addition) {
    current = addition;
    const old = addition.replaces?.name;
    $("add-title").textContent = old ? text.replacement.title(old) : text.addition.title;
    $("add-lead").textContent = old ? text.replacement.lead(old) : text.addition.lead;
    begin(addition);
  }
  if (addition.added) return renderAdded(addition);
  show("add");
}

function renderAdded({ added, replaces }) {
  $("added-title").textContent = text.addition.done(added.name);
  $("added-lead").textContent = replaces ? text.replacement.doneLead(replaces.name) : text.addition.doneLead;
  show("added");
}

// begin makes a code, and looks for the device that enrols with it.
async function begin(addition) {
  draw(undefined);
  fault("add");
  try {
    const before = await list(account);
    const made = await invite(account, addition.replaces?.id);
    if (current !== addition) return;
    draw(made);
    await wait(addition, made, before.devices.map((d) => d.id));
  } catch (err) {
    if (current === addition) over(text.trouble(err));
  }
}

// draw shows a code, or that there is none yet.
function draw(made) {
  code = made;
  $("add-qr").classList.toggle("over", !made);
  $("add-qr").querySelector("svg").setAttribute("viewBox", `0 0 ${made?.qr.size ?? 1} ${made?.qr.size ?? 1}`);
  $("add-qr").querySelector("path").setAttribute("d", made?.qr.path ?? "");
  $("add-text").textContent = made?.link ?? "";
  $("add-shown").open = false;
  for (const id of ["add-good", "add-link", "add-shown"]) $(id).hidden = !made;
  $("add-again").hidden = true;
  tick();
}

// over says why there is no code any more.
function over(why) {
  draw(undefined);
  fault("add", why);
  $("add-again").hidden = false;
}

function tick() {
  if (!code) return;
  $("add-left").textContent = text.left(code.until - Date.now());
  if (Date.now() >= code.until) over(text.addition.expired);
}

// wait looks until there is a device that was not there before. It goes on without a connection,
// behind a PIN and on another screen.
async function wait(addition, made, before) {
  while (current === addition && code === made) {
    await new Promise((resolve) => setTimeout(resolve, lookPause));
    let now;
    try {
      now = await list(account);
    } catch (err) {
      if (err.kind === "unknown") throw err;
      continue;
    }
    const added = now.devices.find((d) => !before.includes(d.id));
    if (!added || current !== addition) continue;
    addition.added = added;
    draw(undefined);
    rerender();
  }
}

// wire connects the controls. Render is called when there is something else to show, back with the
// account to leave.
export function wire({ render, back }) {
  rerender = render;
  const leave = () => {
    current = undefined;
    draw(undefined);
    back(account);
  };
  $("add-back").onclick = leave;
  $("added-done").onclick = leave;
  $("add-again").onclick = () => begin(current);
  $("add-share").hidden = !navigator.share;
  $("add-share").onclick = () => navigator.share({ title: text.addition.title, url: code.link }).catch(() => {}); // not after all
  $("add-copy").onclick = () => once("add", async () => {
    try {
      await navigator.clipboard.writeText(code.link);
      say(text.copied);
      $("add-copy").textContent = text.copied;
      setTimeout(() => ($("add-copy").textContent = text.copy), 2000);
    } catch {
      $("add-shown").open = true; // the browser does not let us: to be copied by hand
    }
  });
  setInterval(tick, 1000);
}
