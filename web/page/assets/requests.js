// What the user is asked, and how it ended:
//
//   {key, account, id, shown, expires, seen, state, at, sending}
//
// Shown is the text that the server sent, never parsed and written again: an answer signs it.
// Times are milliseconds by this device's clock; sending is when an answer was sent whose reply
// has not come. A request begins as "open" and ends as "approved", "not-me", "mistake" (answered
// here), "wrong-number", "ended" (answered elsewhere, or given up), "expired", "locked" (the
// account is) or "out-of-step" (the clock is off).

import { all, get, put, remove, update } from "./database.js";
import { changed } from "./changes.js";

const kept = 50; // requests

const keyOf = (account, id) => account.id + " " + id;

// prompt returns what a request shows, or undefined for what is no prompt.
export function prompt(request) {
  try {
    const shown = JSON.parse(request.shown);
    const texts = [shown.resource, shown.user, shown.started, shown.organization ?? "", shown.ip ?? "", shown.location ?? ""];
    return texts.concat(shown.numbers ?? []).every((text) => typeof text === "string") ? shown : undefined;
  } catch {
    return undefined;
  }
}

// take enters the set of open challenges that the server listed for an account, at a time of
// its clock (the text of a Date header).
export async function take(account, challenges, date) {
  const now = Date.now();
  const off = Date.parse(date) - now; // the header has whole seconds
  const ours = (time) => Date.parse(time) - (Math.abs(off) > 1500 ? off : 0);
  const listed = new Set();
  for (const c of challenges) {
    const key = keyOf(account, c.id);
    const fresh = {
      key, account: account.id, id: c.id, shown: c.shown, expires: ours(c.expires), seen: now, state: "open",
    };
    if (!prompt(fresh)) continue; // nothing that could be shown
    listed.add(key);
    await update("requests", key, (old) => {
      if (!old) return fresh;
      return ["ended", "expired"].includes(old.state) ? { ...old, state: "open" } : undefined;
    });
  }
  for (const r of await all("requests")) {
    if (r.account !== account.id || listed.has(r.key)) continue;
    // The list is often quicker than the reply to our own answer, which says more.
    const answering = r.sending && now - r.sending < 30_000;
    if (!answering) await end(r.key, now > r.expires - 1500 ? "expired" : "ended");
  }
  const old = (await all("requests")).sort((a, b) => b.seen - a.seen).slice(kept);
  for (const r of old) await remove("requests", r.key);
  changed();
}

// end says how an open request ended.
async function end(key, state) {
  await update("requests", key, (r) => (r?.state === "open" ? { ...r, state, at: Date.now() } : undefined));
}

// expire ends what nobody answered in time.
export async function expire() {
  for (const r of await open()) {
    if (Date.now() >= r.expires) await end(r.key, "expired");
  }
  changed();
}

// sending marks a request as being answered, or not any more.
export const sending = (key, since) => update("requests", key, (r) => r && { ...r, sending: since });

// settle says how a request ended by the server's word.
export async function settle(key, state) {
  const now = await update("requests", key, (r) => r && { ...r, state, at: Date.now(), sending: 0 });
  changed();
  return now;
}

export const request = (key) => get("requests", key);

// open returns the requests that wait for an answer, oldest first.
export async function open() {
  return (await all("requests")).filter((r) => r.state === "open").sort((a, b) => a.seen - b.seen);
}

// recent returns how requests ended, newest first.
export async function recent() {
  return (await all("requests")).filter((r) => r.state !== "open").sort((a, b) => b.seen - a.seen);
}
