// All that the user reads and that is not in index.html.

const minutes = (ms) => {
  const n = Math.max(1, Math.round(Math.abs(ms) / 60_000));
  return n < 120 ? `${n} minute${n === 1 ? "" : "s"}` : `${Math.round(n / 60)} hours`;
};

// trouble says what is wrong, and what to do.
export function trouble(err) {
  switch (err.kind) {
    case "offline":
      return "The server cannot be reached. Check the connection and try again.";
    case "unknown":
      return "The server does not know this device any more: it was removed or suspended. Ask your administrator, or enrol again.";
    case "clock":
      return `The clock of this device is ${minutes(err.behind)} ${err.behind > 0 ? "slow" : "fast"}. Set it right, automatically if you can, and try again.`;
    case "early":
      return "The clock of this device is slow, and the server has just started. Set it right, automatically if you can, or wait two minutes.";
    case "code":
      return "This link is not good, or not any more: it can be used once, and for a limited time. Ask for a new one.";
    case "none":
      return "This device has no such request to answer.";
    case "no-device":
      return "That device has been removed already.";
    case "managed":
      return managed;
    case "barred":
      return "The account is locked. Ask your administrator.";
    case "busy":
      return "Too many tries. Wait a little, then try again.";
    case "otp":
      return "The server did not accept the one-time password. Try again in a minute.";
    case "locked":
      return "Type your PIN first.";
    case "refused":
      return err.detail ?? "The server did not accept this.";
    case "server":
      return "The server cannot answer now. Try again.";
  }
  return "Something went wrong here. Reload the page and try again.";
}

// the same in a word or two
const briefs = { unknown: "Not known to the server", clock: "Clock is off", early: "Clock is off", offline: "No connection", locked: "Locked" };

// state says how an account waits: see wait.js.
export function state(s) {
  if (s === "waiting") return "Ready";
  if (s === "connecting") return "Connecting…";
  return briefs[s.kind] ?? "Not reachable";
}

// heading, what follows from it, and the same in a word or two
const ends = {
  approved: ["Approved", "You can go back to where you are signing in.", "Approved"],
  "not-me": ["Denied", "The sign-in was rejected. If you did not start it, somebody may know your password: change it.", "Denied: not you"],
  mistake: ["Denied", "The sign-in was rejected. Nothing else happens.", "Denied: a mistake"],
  ended: ["No longer open", "This request was answered elsewhere, or given up.", "Ended elsewhere"],
  expired: ["Expired", "Nobody answered in time, so the sign-in was rejected. You can try again.", "Expired"],
  locked: ["Account locked", "The sign-in was rejected. Ask your administrator.", "Account locked"],
  "wrong-number": ["Wrong number", "That is not the number that the sign-in shows, so it was rejected. Start it again.", "Wrong number"],
  "out-of-step": ["The clock is off", "To go on, type this one-time password where you sign in. Then set the clock of this device right.", "Clock was off"],
};

// ended says how a request ended.
export const ended = (state) => ends[state] ?? ends.ended;

export const question = (resource) => `Sign in to ${resource}?`;
export const notice = {
  generic: "Sign-in request",
  open: "Open to see it and to answer.",
  failed: "Your answer was not sent",
  retry: "Open to try again.",
  approve: "Approve",
  notMe: "It wasn’t me",
};

export const label = (account) => account.label || account.user;
export const under = (account) => [account.label && account.user, account.organization].filter(Boolean).join(", ");

// The time zone is the device's (statement 2.2).
const long = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const time = (date) => (Number.isNaN(date.getTime()) ? "" : long.format(date));

export function shortTime(ms) {
  const date = new Date(ms);
  return (date.toDateString() === new Date().toDateString() ? clock : day).format(date);
}

// left is a countdown: "0:09".
export function left(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export const weakPIN = "A PIN has 6 characters or more, and is not one that is tried first, such as 123456.";
export const otherPIN = "The two PINs are not the same.";

export function wrongPIN(wait) {
  return wait > 0 ? `Wrong PIN too often. Try again in ${wait < 60_000 ? Math.ceil(wait / 1000) + " seconds" : minutes(wait)}.` : "Wrong PIN. Try again.";
}

// lead says what this device waits for, or what keeps it from that. Rung: by a push service.
export function lead(s, rung) {
  if (s.kind === "offline") return "The server cannot be reached. This page keeps trying.";
  if (s.kind) return trouble(s);
  return rung ? "You are notified of sign-in requests, and they appear here." : "Sign-in requests appear here while this page is open.";
}

const kinds = { page: "Browser", native: "App", terminal: "Terminal", pipush: "privacyIDEA Authenticator" };

// about says what a device is, and since when.
export const about = (d) => `${kinds[d.kind] ?? "Device"}, since ${date.format(new Date(d.created))}`;

// deviceState says what there is to say of a device in a word or two, and whether it is bad.
export function deviceState(d) {
  if (d.this) return ["This device", false];
  if (d.suspended) return ["Suspended", true];
  return d.gone ? ["Not reachable", true] : ["", false];
}

export const managed = "Your administrator adds and removes devices here.";
export const looking = "Looking for your devices…";
export const device = {
  name: "Name of the device",
  rename: "Rename",
  renamed: (name) => `It is called “${name}” now.`,
  lost: "I have lost it: replace it",
  remove: "Remove it",
  sure: (name) => `Remove “${name}”? It can then not approve your sign-ins any more.`,
  keep: "Keep it",
  removed: (name) => `“${name}” is removed.`,
  here: "You are using it. To remove it, remove the account below.",
};

export const copy = "Copy the link";
export const copied = "Copied";
export const addition = {
  title: "Add a device",
  lead: "Scan this with the new device, or open the link there. Whoever opens it first approves your sign-ins from then on.",
  expired: "This code has expired.",
  done: (name) => `“${name}” is ready`,
  doneLead: "It can approve your sign-ins from now on.",
};
export const replacement = {
  title: (name) => `Replace “${name}”`,
  lead: (name) => `Scan this with the new device, or open the link there. Then “${name}” is removed. Does somebody else have it? Go back and remove it now.`,
  doneLead: (name) => `It can approve your sign-ins from now on, and “${name}” can not.`,
};

export const inBrowser = "In this browser; the key cannot be taken out of it.";
export const behindPIN = "In this browser, encrypted with your PIN.";

export const tooMany = "This browser has as many accounts as it can wait for. Remove one first.";
export const noStorage = "This browser cannot keep a key: perhaps it is in private mode. Open the link in an ordinary window.";
export const foreignLink = "This is not an enrolment link of this server. Copy all of it, with what follows the #.";
export const offer = "Be notified when this page is closed.";
export const noNotifications = "Notifications could not be turned on in this browser. Requests appear here while the page is open.";
export const blocked = "Notifications are blocked for this page. You can allow them in the browser’s settings; without them, requests appear here while the page is open.";

// code tells how long a one-time password stays, or when there is one.
export const code = {
  stays: (seconds) => `for ${seconds} s more`,
  comes: (seconds) => `The next one comes in ${seconds} s.`,
};
