// The screens "welcome", which takes a link, and "enrol", which uses it up (statement 9.1).

import { accounts, enrol, maxAccounts } from "../accounts.js";
import { config } from "../server.js";
import * as pin from "../pin.js";
import * as text from "../text.js";
import { $, fault, once, show } from "./screen.js";

// codeOf returns the code in the fragment of an enrolment link, or undefined. The pin in it is
// for the terminal's authenticator: a browser knows the server by its certificate.
export function codeOf(hash) {
  const code = new URLSearchParams(hash.slice(1)).get("code") ?? "";
  return /^[A-Za-z0-9_-]{1,128}$/.test(code) ? code : undefined;
}

// codeOfLink takes a link that was pasted. It has to be one of this server.
function codeOfLink(link) {
  const here = new URL("../../enrol", import.meta.url);
  let url;
  try {
    url = new URL(link.trim());
  } catch {
    return undefined;
  }
  return url.origin === here.origin && url.pathname === here.pathname ? codeOf(url.hash) : undefined;
}

export function welcome(hasAccounts) {
  $("welcome").querySelector("[data-go]").hidden = !hasAccounts;
  if (show("welcome")) {
    $("link").value = "";
    fault("welcome");
  }
}

export function noStorage() {
  welcome(false);
  fault("welcome", text.noStorage);
}

let policy; // what the server demands of PINs: true or false
let code;

// begin shows the form for a code. Only the button uses it up: who is sent here by somebody
// else's link has something to read first.
export function begin(theCode) {
  if (code === theCode) return;
  code = theCode;
  show("enrol");
  fault("enrol");
  $("name").value ||= deviceName();
  $("install").hidden = navigator.standalone !== false; // only Safari on a phone says it is not
  prepare().catch((err) => fault("enrol", text.trouble(err)));
}

async function prepare() {
  const c = await config();
  policy = c.pin;
  $("enrol").querySelector("[data-organization]").textContent = c.organization ? ` to ${c.organization}` : "";
  const isSet = await pin.isSet();
  $("pin").hidden = !policy || pin.isOpen();
  $("pin").querySelector("label").textContent = isSet ? "Your PIN" : "Choose a PIN";
  $("pin").querySelector(".again").hidden = isSet;
  $("pin-hint").hidden = isSet;
}

// unlocked makes or opens the PIN, and reports whether that is done.
async function unlocked() {
  if (!policy || pin.isOpen()) return true;
  if (await pin.isSet()) {
    const wait = await pin.open($("pin-1").value);
    if (wait !== 0) fault("enrol", text.wrongPIN(wait));
    return wait === 0;
  }
  if (pin.isWeak($("pin-1").value)) fault("enrol", text.weakPIN);
  else if ($("pin-1").value !== $("pin-2").value) fault("enrol", text.otherPIN);
  else {
    await pin.set($("pin-1").value);
    return true;
  }
  return false;
}

async function submit(done) {
  fault("enrol");
  try {
    if (policy === undefined) await prepare(); // there was no connection at first
    if ((await accounts()).length >= maxAccounts) return fault("enrol", text.tooMany);
    if (!(await unlocked())) return;
    await enrol(code, inOctets($("name").value, 64), policy);
    code = undefined;
    $("pin-1").value = $("pin-2").value = "";
    // Asks the browser not to throw the keys away when the disk is full. It may ask the user.
    navigator.storage?.persist?.().catch(() => {});
    done();
  } catch (err) {
    fault("enrol", err instanceof DOMException ? text.noStorage : text.trouble(err));
    await pin.drop();
  }
}

// wire connects the controls. Link is called with the code of a pasted link, done when there is an
// account, cancel if there is to be none.
export function wire({ link, done, cancel }) {
  $("welcome").querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    const pasted = codeOfLink($("link").value);
    if (pasted) link(pasted);
    else fault("welcome", text.foreignLink);
  };
  $("enrol").querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    once("enrol", () => submit(done));
  };
  $("not-now").onclick = () => {
    code = undefined;
    cancel();
  };
  $("copy").onclick = () => navigator.clipboard.writeText(new URL(`../../enrol#code=${code}`, import.meta.url).href);
}

// inOctets cuts a text to what the server takes of a name.
function inOctets(name, max) {
  while (new TextEncoder().encode(name).length > max) name = [...name].slice(0, -1).join("");
  return name;
}

// deviceName guesses what a user would call this device: "Chrome on Android".
function deviceName() {
  const ua = navigator.userAgent;
  const first = (names) => names.find(([, pattern]) => pattern.test(ua))?.[0];
  const browser = first([["Edge", /Edg/], ["Firefox", /Firefox|FxiOS/], ["Chrome", /Chrom|CriOS/], ["Safari", /Safari/]]);
  const system = first([["iPhone", /iPhone/], ["iPad", /iPad/], ["Android", /Android/], ["Windows", /Windows/], ["Mac", /Mac OS/], ["Linux", /Linux/]]);
  return [browser ?? "Browser", system].filter(Boolean).join(" on ");
}
