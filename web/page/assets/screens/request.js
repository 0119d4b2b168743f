// The screens "request", where the user decides, and "ended", which tells what became of it
// (statements 2.2 and 2.6 to 2.12).

import { account } from "../accounts.js";
import { answer } from "../answer.js";
import { expire, prompt, request as find } from "../requests.js";
import * as text from "../text.js";
import * as code from "./code.js";
import { $, fault, say, show } from "./screen.js";

// A request may appear under a finger that is on its way to something else: what is tapped so
// soon is not meant.
const tooSoon = 600; // milliseconds

let current; // the request that is shown, or was shown last
let since; // when what can be tapped appeared, on the clock of events
let busy = false; // an answer is on its way

// render shows the oldest of the open requests.
export function render(open) {
  const other = open[0].key !== current?.key;
  if (other) {
    current = open[0];
    fill(current);
  }
  const appears = show("request");
  if (other || appears) {
    fault("request");
    deny(false);
  }
  if (other && !appears) $("request").querySelector("h1").focus();
  $("others").hidden = open.length < 2;
  $("others").textContent = open.length === 2 ? "One more request waits." : `${open.length - 1} more requests wait.`;
  tick();
}

function fill(request) {
  const shown = prompt(request);
  const set = (id, value) => {
    $(id).textContent = value ?? "";
    $(id).closest("div").hidden = !value;
  };
  $("organization").textContent = shown.organization ?? "";
  $("resource").textContent = shown.resource;
  set("user", shown.user);
  set("started", text.time(new Date(shown.started)));
  set("ip", shown.ip);
  set("location", shown.location);

  // Number matching (2.12): the number takes APPROVE's place.
  const choice = shown.numbers?.length > 0;
  $("approve").hidden = choice;
  $("request").querySelector(".numbers-lead").hidden = !choice;
  const numbers = $("request").querySelector(".numbers");
  numbers.hidden = !choice;
  numbers.replaceChildren(...(shown.numbers ?? []).map((n) => {
    const button = document.createElement("button");
    button.textContent = n;
    button.onclick = (event) => decide(event, "approve", n);
    return button;
  }));
}

// tick counts the time that is left down.
async function tick() {
  if (current?.state !== "open" || $("request").hidden) return;
  const left = current.expires - Date.now();
  $("left").textContent = text.left(left);
  $("bar").style.transform = `scaleX(${Math.max(0, Math.min(1, left / (current.expires - current.seen)))})`;
  if (left <= 0 && !busy) await expire();
}

// deny asks why, or takes that back. What was under the finger is something else then.
function deny(why) {
  since = performance.now();
  $("decide").hidden = why;
  $("why").hidden = !why;
}

async function decide(event, decision, number) {
  if (busy || event.timeStamp - since < tooSoon) return;
  busy = true;
  const asked = current;
  const button = event.currentTarget;
  fault("request");
  const buttons = $("request").querySelectorAll("button");
  for (const b of buttons) b.disabled = true;
  button.classList.add("busy");
  say("Sending…");
  try {
    const now = await answer(asked, decision, number);
    if (current === asked) current = now;
  } catch (err) {
    fault("request", text.trouble(err));
    say("");
  } finally {
    busy = false;
    button.classList.remove("busy");
    for (const b of buttons) b.disabled = false;
    if (!$("request").hidden) button.focus();
  }
}

const emblems = { approved: ["good", "check"], "not-me": ["bad", "cross"], mistake: ["bad", "cross"], expired: ["", "clock"], ended: ["", "clock"] };

// renderEnded tells how the request that was shown has ended, and reports whether there is one
// to tell of.
export async function renderEnded() {
  if (!current) return false;
  current = await find(current.key);
  if (!current || current.state === "open") return false;
  const [state, lead] = text.ended(current.state);
  const [look, icon] = emblems[current.state] ?? ["bad", "cross"];
  $("ended-state").textContent = state;
  $("ended-lead").textContent = lead;
  $("ended-resource").textContent = prompt(current).resource;
  $("ended-emblem").className = "emblem " + look;
  $("ended-emblem").querySelector("use").setAttribute("href", "#icon-" + icon);
  if (show("ended")) {
    say(`${state}. ${lead}`);
    if (current.state === "out-of-step") code.show($("ended-code"), await account(current.account));
    else code.hide();
  }
  return true;
}

// wire connects the controls. Done is called when the user has read how it ended.
export function wire(done) {
  $("approve").onclick = (event) => decide(event, "approve");
  $("not-me").onclick = (event) => decide(event, "not-me");
  $("mistake").onclick = (event) => decide(event, "mistake");
  $("deny").onclick = () => {
    deny(true);
    $("why-lead").focus();
  };
  $("undeny").onclick = () => {
    deny(false);
    $("deny").focus();
  };
  $("done").onclick = () => {
    current = undefined;
    done();
  };
  setInterval(tick, 1000);
}
