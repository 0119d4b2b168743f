// Waiting for requests while the page is open: one long poll for each account, as the terminal
// authenticator does it. It needs no push service.

import { accounts, device } from "./accounts.js";
import { call, Trouble } from "./server.js";
import { take } from "./requests.js";

const maxWait = 60; // seconds that the server lets us wait
const firstPause = 1000;
const maxPause = 30_000;

const states = new Map(); // by account
let ours; // ends the polls that run
let report = () => {};

// state returns how an account waits: "connecting", "waiting", or the Trouble that it has.
export const state = (account) => states.get(account.id) ?? "connecting";

// begin has the accounts wait from now on, as they are now. It is called again when they change,
// when somebody looks at the page and when the network comes back: an old connection may be dead
// without a sign. Told is called when the state of one changes.
//
// Of several pages of this browser one asks the server, the one that was looked at last: the
// server keeps one poll of a device. The others read the database, and one of them takes over
// when that one is closed.
export async function begin(told) {
  report = told ?? report;
  ours?.abort();
  const mine = (ours = new AbortController());
  let steal = document.visibilityState === "visible";
  while (!mine.signal.aborted) {
    const turn = new AbortController();
    mine.signal.addEventListener("abort", () => turn.abort());
    const waits = async () => Promise.all((await accounts()).filter(device).map((a) => poll(a, turn.signal)));
    try {
      await navigator.locks.request("radpush waits", steal ? { steal } : { signal: mine.signal }, waits);
      return; // nobody is left who waits
    } catch (err) {
      turn.abort();
      if (err.name !== "AbortError") throw err;
      steal = false; // another page has taken the lock
    }
  }
}

function tell(account, state) {
  if (states.get(account.id) === state) return;
  states.set(account.id, state);
  report();
}

// poll goes on until it is aborted, or nothing will get better by itself.
async function poll(account, signal) {
  let etag;
  let pause = firstPause;
  while (!signal.aborted) {
    const signer = device(account);
    if (!signer) return; // locked meanwhile
    try {
      const headers = etag ? { "If-None-Match": etag, Prefer: `wait=${maxWait}` } : {};
      const answer = await call(signer, "GET", "/device/v1/challenges", { headers, wait: etag ? maxWait : 0, signal });
      pause = firstPause;
      tell(account, "waiting");
      let waited = answer.headers.get("Preference-Applied"); // no: the server is too busy to let us
      if (answer.status === 200) {
        await take(account, answer.body.challenges, answer.headers.get("Date"));
        const before = etag;
        etag = answer.headers.get("ETag") ?? undefined;
        waited = etag !== before; // no: a proxy takes it away, or changes it
      }
      if (!waited) await sleep(3000, signal);
    } catch (err) {
      if (signal.aborted) return;
      tell(account, err instanceof Trouble ? err : new Trouble("server")); // which made no sense
      if (err.kind === "unknown") return;
      etag = undefined;
      await sleep(pause * (0.5 + Math.random() / 2), signal); // not all devices at once
      pause = Math.min(2 * pause, maxPause);
    }
  }
}

function sleep(time, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
