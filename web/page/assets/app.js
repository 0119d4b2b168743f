// The authenticator page. It is a function of the database (database.js) and of a little that is
// true of this page alone: render looks at both and shows one screen. Everything else changes
// one of the two and has render look again.

import { accounts } from "./accounts.js";
import { onChange } from "./changes.js";
import * as notices from "./notices.js";
import * as pin from "./pin.js";
import { expire, open, recent } from "./requests.js";
import * as server from "./server.js";
import * as subscription from "./subscription.js";
import * as wait from "./wait.js";
import * as accountScreen from "./screens/account.js";
import * as addScreen from "./screens/add.js";
import * as enrolScreen from "./screens/enrol.js";
import * as homeScreen from "./screens/home.js";
import * as requestScreen from "./screens/request.js";
import * as unlockScreen from "./screens/unlock.js";

const lockAfter = 60_000; // out of sight for so many milliseconds, the page wants the PIN again

const view = {
  code: undefined, // of the enrolment link that the page was opened with
  adding: false, // another account
  account: undefined, // id of the one that is looked at
  addition: undefined, // of a device to that account: see screens/add.js
};

let config; // of the server, once it has been reached
let unrung = false; // the browser's push service does not do what is asked of it
let registration; // of the service worker

async function show() {
  const all = await accounts();
  const locked = (await pin.isSet()) && !pin.isOpen();
  if (view.code) return enrolScreen.begin(view.code);
  if (locked) return unlockScreen.render();

  const waiting = await open();
  if (waiting.length > 0) return requestScreen.render(waiting);
  if (await requestScreen.renderEnded()) return;

  const account = all.find((a) => a.id === view.account);
  if (account && view.addition) return addScreen.render(account, view.addition);
  if (account) return accountScreen.render(account);
  if (all.length === 0 || view.adding) return enrolScreen.welcome(all.length > 0);
  const push = { offered: Boolean(config?.vapid), failed: unrung };
  homeScreen.render(all, await recent(), push, (id) => go({ account: id }));
}

// render shows what there is to show, and once more if it changes meanwhile.
let rendering = false;
let again = false;

async function render() {
  again = true;
  if (rendering) return;
  rendering = true;
  try {
    while (again) {
      again = false;
      await show();
    }
  } finally {
    rendering = false;
  }
}

function go(to) {
  Object.assign(view, { code: undefined, adding: false, account: undefined, addition: undefined }, to);
  render();
}

// begin waits for requests anew, and tells the server where this device is rung.
async function begin() {
  wait.begin(render);
  config = await server.config().catch(() => config);
  await sync();
}

// sync is tried again each time that somebody looks at the page.
async function sync() {
  if (registration && config) {
    unrung = await subscription.sync(registration, config.vapid).then(() => false, () => true);
  }
  render();
}

let asked = new Set(); // ids of the requests that were open when notify looked last

// notify shows new requests as notifications while nobody looks at the page, for there may be no
// push service that does, and closes the notifications of those that have ended. It asks for them
// no more often than that: Chromium forgets one that is being shown when somebody lists them.
async function notify() {
  if (!registration || !subscription.can() || Notification.permission !== "granted") return;
  const requests = await open();
  const before = asked;
  asked = new Set(requests.map((r) => r.id));
  for (const request of requests) {
    if (document.visibilityState === "hidden" && !before.has(request.id)) await notices.ask(registration, request);
  }
  if ([...before].some((id) => !asked.has(id))) await notices.clear(registration, asked);
}

// tidy closes the notifications of what has expired while there was no page.
async function tidy() {
  if (registration && subscription.can()) await notices.clear(registration, new Set((await open()).map((r) => r.id)));
}

async function register() {
  if (!navigator.serviceWorker) return;
  // The one script that is loaded by a name in a string: see the policy in page.go.
  const policy = globalThis.trustedTypes?.createPolicy("radpush", { createScriptURL: () => "sw.js" });
  const script = policy ? policy.createScriptURL("") : "sw.js";
  await navigator.serviceWorker.register(script, { type: "module", scope: "./" });
  registration = await navigator.serviceWorker.ready;
}

let lockTimer;
let hiddenSince; // on this device's clock

function looked() {
  clearTimeout(lockTimer);
  if (document.visibilityState === "hidden") {
    hiddenSince = Date.now();
    lockTimer = setTimeout(lock, lockAfter);
    return;
  }
  // A phone that sleeps stops timers, and somebody may have set its clock back.
  if (!(Math.abs(Date.now() - hiddenSince) < lockAfter)) lock();
  begin();
}

function lock() {
  if (!pin.isOpen()) return;
  pin.close();
  render();
  wait.begin();
}

function wire() {
  for (const button of document.querySelectorAll("[data-go]")) {
    button.onclick = () => go({ adding: button.dataset.go === "welcome" });
  }
  enrolScreen.wire({
    link: (code) => go({ code }),
    done: () => {
      go({});
      begin();
    },
    cancel: () => go({}),
  });
  unlockScreen.wire(() => {
    render();
    begin();
  });
  homeScreen.wire({ subscribe: sync, render });
  accountScreen.wire({
    done: () => {
      go({});
      begin();
    },
    add: (account, replaces) => go({ account: account.id, addition: { replaces } }),
  });
  addScreen.wire({ render, back: (account) => go({ account: account.id }) });
  requestScreen.wire(render);
}

async function start() {
  // The code is taken out of the address, so that it is not in the history and not seen.
  view.code = enrolScreen.codeOf(location.hash);
  history.replaceState(null, "", location.pathname);

  wire();
  onChange(render);
  onChange(notify);
  document.addEventListener("visibilitychange", looked);
  addEventListener("online", begin);
  try {
    await expire();
  } catch {
    return enrolScreen.noStorage();
  }
  await render();
  await register().then(tidy).catch(() => {}); // the page works without, while it is open
  await begin();
}

start();
