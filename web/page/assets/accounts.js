// An account is one enrolment: this browser as a device of one user (statement 9.1).

import { base64 } from "./encoding.js";
import { all, get, put, remove, update } from "./database.js";
import { changed } from "./changes.js";
import { call, Trouble } from "./server.js";
import { importSecret } from "./totp.js";
import * as pin from "./pin.js";

// Each account waits on a request of its own, and where a proxy speaks no HTTP/2 a browser
// keeps six connections to it: one has to be left for the answer.
export const maxAccounts = 5;

// accounts returns all, in the order in which they were made.
export async function accounts() {
  return (await all("accounts")).sort((a, b) => a.created - b.created);
}

// device returns what signs an account's calls, or undefined behind a PIN that is not typed.
export function device(account) {
  const keys = pin.keysOf(account);
  return keys && { id: account.id, sign: keys.sign };
}

// enrol uses a code up to make an account, and gives up those that were here for the same user
// (a key that was lost, say). If sealed, the keys are kept behind the PIN, which is open.
export async function enrol(code, name, sealed) {
  // Keys that are to be sealed have to be extractable, here and as long as this function runs.
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, sealed, ["sign", "verify"]);
  // The code is good once: find out before that this browser can keep a key. Not all can in
  // their private mode.
  await put("lock", { id: "try", key: pair.privateKey });
  await remove("lock", "try");

  const key = base64(await crypto.subtle.exportKey("spki", pair.publicKey));
  const { body } = await call(null, "POST", "/device/v1/enrol", { body: { code, key, name, kind: "page" } });
  const keys = { sign: pair.privateKey, otp: await importSecret(body.otp, sealed) };
  const account = {
    id: body.device, user: body.user, organization: body.organization, created: Date.now(),
    label: "", // what the user calls it
    digits: body.otp.digits, period: body.otp.period,
    used: 0, usedFor: "", // step of the newest one-time password that was sent, and for which request
    address: "", // where the server rings this device, as it was told last
  };
  if (body.pin && !sealed) {
    await call({ id: account.id, sign: keys.sign }, "DELETE", "/device/v1/device");
    throw new Trouble("refused", { detail: "The server demands a PIN now. Ask for a new link and open it." });
  }
  if (sealed) account.sealed = await pin.seal(account.id, keys);
  else account.keys = keys;

  const before = (await accounts()).filter((a) => a.user === account.user);
  await put("accounts", account);
  for (const old of before) await leave(old).catch(() => forget(old.id));
  changed();
  return account;
}

export async function rename(id, label) {
  await update("accounts", id, (a) => a && { ...a, label });
  changed();
}

// leave removes the device from the server (statement 9.3), and the account from here.
export async function leave(account) {
  const signer = device(account);
  if (!signer) throw new Trouble("locked");
  try {
    await call(signer, "DELETE", "/device/v1/device");
  } catch (err) {
    if (err.kind !== "unknown") throw err; // removed already
  }
  await forget(account.id);
}

// forget removes an account from here alone: its key is gone for good.
export async function forget(id) {
  await remove("accounts", id);
  for (const request of await all("requests")) {
    if (request.account === id) await remove("requests", request.key);
  }
  await pin.drop();
  changed();
}

export const account = (id) => get("accounts", id);
