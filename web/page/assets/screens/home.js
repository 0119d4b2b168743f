// The screen "home": what this device waits for, and what it was asked lately.

import { state } from "../wait.js";
import { prompt } from "../requests.js";
import * as subscription from "../subscription.js";
import * as text from "../text.js";
import { $, element, icon, once, show } from "./screen.js";

const few = 3; // requests that are listed until all are asked for

let all = false; // are listed

// render shows accounts, the newest requests, and whether this device is rung. Push says how that
// stands: {offered: the server can, failed: the browser cannot}. Open is called with the id of an
// account.
export function render(accounts, recent, push, open) {
  const states = accounts.map(state);
  const best = states.find((s) => s === "waiting") ?? states.find((s) => s === "connecting") ?? states[0];
  $("home-state").textContent = text.state(best);
  $("home-lead").textContent = text.lead(best, accounts.every((a) => a.address));
  $("pulse").classList.toggle("calm", best === "waiting");
  $("pulse").classList.toggle("bad", best.kind !== undefined);

  bell(push);
  const list = accounts.map((a, i) => row(a, states[i], open));
  const have = $("accounts").children;
  if (list.length !== have.length || list.some((li, i) => li !== have[i])) $("accounts").replaceChildren(...list);
  $("recent").hidden = recent.length === 0;
  $("more").hidden = all || recent.length <= few;
  $("requests").replaceChildren(...recent.slice(0, all ? undefined : few).map(past));
  show("home");
}

// bell offers notifications, or says why there are none.
function bell({ offered, failed }) {
  const permission = subscription.can() ? Notification.permission : "missing";
  $("bell").hidden = !offered || permission === "missing" || (permission === "granted" && !failed);
  $("bell-on").hidden = permission !== "default";
  $("bell-text").textContent = { default: text.offer, denied: text.blocked }[permission] ?? text.noNotifications;
}

const rows = new Map(); // of accounts: a finger and the focus stay on one while its state changes

function row(account, state, open) {
  if (!rows.has(account.id)) {
    const button = element("button", "", element("span", "text", element("b", ""), element("small", "")), element("small", ""), icon("next"));
    button.onclick = () => open(account.id);
    rows.set(account.id, element("li", "", button));
  }
  const li = rows.get(account.id);
  const [label, under, now] = li.querySelectorAll("b, small");
  label.textContent = text.label(account);
  under.textContent = text.under(account);
  now.textContent = text.state(state);
  now.className = state === "waiting" ? "good" : state.kind ? "bad" : "";
  return li;
}

const icons = { approved: ["good", "check"], "not-me": ["bad", "cross"], mistake: ["bad", "cross"] };

function past(request) {
  const shown = prompt(request);
  const [look, name] = icons[request.state] ?? ["", "clock"];
  const sign = icon(name);
  sign.setAttribute("class", look);
  const from = [shown.ip, shown.location].filter(Boolean).join(", ");
  const words = element("span", "text", element("b", "", shown.resource),
    element("small", "", [text.ended(request.state)[2], shown.user, from].filter(Boolean).join(" · ")));
  return element("li", "", element("div", "", sign, words, element("small", "", text.shortTime(request.seen))));
}

// wire connects the controls. Subscribe has the push service ring this device.
export function wire({ subscribe, render }) {
  $("more").onclick = () => {
    all = true;
    render();
  };
  $("bell-on").onclick = () => once("home", async () => {
    await Notification.requestPermission();
    await subscribe();
  });
}
