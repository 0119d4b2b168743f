// How a request is answered: signed, and to approve with a one-time password made here
// (statements 2.6 to 2.8). The page does it, and the service worker for a button of a
// notification.

import { base64url, sha256, utf8 } from "./encoding.js";
import { update } from "./database.js";
import { call, sign, Trouble } from "./server.js";
import { code, stepOf } from "./totp.js";
import { account as find, device } from "./accounts.js";
import { sending, settle } from "./requests.js";
import { keysOf } from "./pin.js";

const decisions = {
  approve: { words: "approve", body: { decision: "approve" }, ends: "approved" },
  "not-me": { words: "deny not-me", body: { decision: "deny", reason: "not-me" }, ends: "not-me" },
  mistake: { words: "deny mistake", body: { decision: "deny", reason: "mistake" }, ends: "mistake" },
};

const otherEnds = {
  expired: "expired", "already-answered": "ended", refused: "locked", "outer-window": "out-of-step", "wrong-number": "wrong-number",
};

// answer sends a decision ("approve", "not-me" or "mistake") and returns the request as it is
// then. Number is the one that the user chose, where there were some to choose from. A Trouble means that
// the request is as open as before; kind "otp" is a one-time password that was not accepted.
export async function answer(request, decision, number) {
  const account = await find(request.account);
  const signer = account && device(account);
  if (!signer) throw new Trouble(account ? "locked" : "none");
  const { words, body, ends } = decisions[decision];

  const sent = { ...body };
  if (number) sent.number = number;
  sent.signature = await signature(signer.sign, request, number ? `${words} ${number}` : words);
  if (decision === "approve") sent.otp = await nextCode(account, request.id);

  await sending(request.key, Date.now());
  let result;
  try {
    ({ result } = (await call(signer, "POST", `/device/v1/challenges/${request.id}/answer`, { body: sent })).body);
  } catch (err) {
    await sending(request.key, 0);
    throw err;
  }
  if (result === "accepted") return settle(request.key, ends);
  if (otherEnds[result]) return settle(request.key, otherEnds[result]);
  await sending(request.key, 0);
  throw new Trouble(result === "wrong-otp" ? "otp" : "server");
}

// signature signs exactly what the server sent to be shown: see package wire.
async function signature(key, request, words) {
  const head = utf8(`radpush answer v1\n${request.id}\n${words}\n`);
  const shown = new Uint8Array(await sha256(utf8(request.shown)));
  return base64url(await sign(key, new Uint8Array([...head, ...shown])));
}

// The server takes no code that is further ahead, in steps: as much for a clock that is off, and as
// much again for what it has learned of that.
const furthest = 8;

// spent returns the newest step whose code may have been used. One that is too far ahead was
// never taken: the clock was fast then, and has been set right.
const spent = (account, step) => (account.used > step + furthest ? 0 : account.used);

// nextCode returns the one-time password for a request. A code is good for one request: for a
// second one in the same step it is that of the next step, which the server takes as a clock
// that is ahead. What is used is on the disk before it is sent.
async function nextCode(account, id) {
  const now = await update("accounts", account.id, (a) => {
    if (!a) return undefined;
    const step = stepOf(Date.now(), a.period);
    if (step <= spent(a, step) && a.usedFor === id) return undefined;
    return { ...a, used: Math.max(step, spent(a, step) + 1), usedFor: id };
  });
  return code(keysOf(account).otp, now.used, account.digits);
}

// typedCode returns a one-time password to be typed where the server asks for one, because the
// clock is off (statement 3.4): {code, stays}, or {stays} while there is none that was not used.
// Stays is for how many milliseconds. What was shown is not used for a request any more.
export async function typedCode(account) {
  const now = Date.now();
  const step = stepOf(now, account.period);
  const stays = (step + 1) * account.period * 1000 - now;
  const kept = await update("accounts", account.id, (a) =>
    a && step > spent(a, step) ? { ...a, used: step, usedFor: "to be typed" } : undefined);
  if (kept?.used !== step || kept.usedFor !== "to be typed") return { stays };
  return { code: await code(keysOf(account).otp, step, account.digits), stays };
}
