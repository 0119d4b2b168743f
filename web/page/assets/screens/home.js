// The screen "home": what this device waits for, and what it was asked lately.

import { state } from "../wait.js";
import { prompt } from "../requests.js";
import * as subscription from "../subscription.js";
import * as text from "../text.js";
import { $, element, icon, once, show } from "./screen.js";

const few = 3; // requests that are listed until all are asked for

let all = false; // are listed
let vapid = "";

// render shows accounts, newest requests, and whether this device can be rung: config is the
// server's, or undefined as long as it has not been reached.
export function render(accounts, recent, config, open) {
  vapid = config?.vapid ?? "";
  const states = accounts.map(state);
  const best = states.find((s) => s === "waiting") ?? states.find((s) => s === "connecting") ?? states[0];
  $("home-state").textContent = text.state(best);
  $("home-lead").textContent = best.kind ? text.trouble(best) : text.lead(subscription.can() && Notification.permission === "granted" && vapid !== "");
  $("pulse").classList.toggle("calm", best === "waiting");
  $("pulse").classList.toggle("bad", best.kind !== undefined);

  bell();
  $("accounts").replaceChildren(...accounts.map((a, i) => row(a, states[i], open)));
  $("recent").hidden = recent.length === 0;
  $("more").hidden = all || recent.length <= few;
  $("requests").replaceChildren(...recent.slice(0, all ? undefined : few).map(past));
  show("home");
}

function row(account, state, open) {
  const words = element("span", "text", element("b", "", text.label(account)), element("small", "", account.organization));
  const button = element("button", "", words, element("small", state === "waiting" ? "good" : state.kind ? "bad" : "", text.state(state)), icon("next"));
  button.dataset.account = account.id;
  button.onclick = () => open(account.id);
  return element("li", "", button);
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

// bell offers notifications, where the server can send them and nobody has decided yet.
function bell() {
  const offered = subscription.can() && vapid !== "" && Notification.permission !== "granted";
  $("bell").hidden = !offered;
  if (!offered) return;
  const blocked = Notification.permission === "denied";
  $("bell-on").hidden = blocked;
  if (blocked) $("bell-text").textContent = text.blocked;
}

// wire connects the controls. Subscribe has the push service ring this device.
export function wire({ subscribe, render }) {
  $("more").onclick = () => {
    all = true;
    render();
  };
  $("bell-on").onclick = () => once("home", async () => {
    await Notification.requestPermission();
    bell();
    if (Notification.permission !== "granted") return;
    await subscribe().catch(() => {
      $("bell").hidden = false;
      $("bell-on").hidden = true;
      $("bell-text").textContent = text.noNotifications;
    });
  });
}
