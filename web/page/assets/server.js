// Calls to the device API. Each one after enrolment is signed as package wire says.

import { base64url, random, sha256, utf8 } from "./encoding.js";

// The API stands beside the page, at whatever path a proxy has put both.
const base = new URL("..", import.meta.url).href.slice(0, -1);

const callTime = 20; // seconds that a call may take, besides those that it waits

// A Trouble is why a call came to nothing. Its kind is what callers tell apart:
//
//   offline    nobody answered
//   unknown    the server does not know this device, or not any more
//   clock      the clock is off, by so many milliseconds (behind; negative: ahead)
//   early      the clock is slow, and the server has started since what it says
//   code       the enrolment code is not good
//   none       there is no such request to answer
//   no-device  the user has no such device
//   managed    only the administrator may change the user's devices
//   barred     the account is locked
//   busy       too many requests
//   refused    the server does not take what was sent: detail says why
//   server     anything else, the server's fault
export class Trouble extends Error {
  constructor(kind, more = {}) {
    super(more.detail ?? kind);
    Object.assign(this, { kind }, more);
  }
}

const kinds = {
  "/problem/not-authentic": "unknown",
  "/problem/clock-skewed": "clock",
  "/problem/sign-again": "sign-again",
  "/problem/enrolment-code": "code",
  "/problem/no-challenge": "none",
  "/problem/no-device": "no-device",
  "/problem/no-self-service": "managed",
  "/problem/locked": "barred",
};

async function troubleOf(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy's page has no more to say than the status.
  }
  const kind = kinds[problem.type] ?? (response.status === 429 ? "busy" : response.status === 422 ? "refused" : "server");
  const behind = kind === "clock" ? Date.parse(problem.server_time) - Date.now() : undefined;
  return new Trouble(kind, { detail: problem.detail, behind });
}

export const sign = (key, message) => crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, message);

async function authorization(device, method, path, body) {
  const stamp = [device.id, Date.now(), base64url(random(16))];
  const lines = ["radpush request v1", method, path, base64url(await sha256(utf8(body))), ...stamp];
  const signature = await sign(device.sign, utf8(lines.join("\n")));
  return "Radpush-ES256 " + [...stamp, base64url(signature)].join(".");
}

async function once(device, method, path, { body, headers = {}, wait = 0, signal }) {
  const text = body === undefined ? "" : JSON.stringify(body);
  headers = { ...headers };
  if (text) headers["Content-Type"] = "application/json";
  if (device) headers.Authorization = await authorization(device, method, path, text);

  const ours = new AbortController();
  const stop = () => ours.abort();
  const timer = setTimeout(stop, (wait + callTime) * 1000);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    const response = await fetch(base + path, {
      method, headers, body: text || undefined, signal: ours.signal,
      cache: "no-store", credentials: "omit", redirect: "error",
      keepalive: method === "POST", // an answer goes out even if the page is closed on it
    });
    if (response.status >= 400) throw await troubleOf(response);
    const answer = response.status === 200 ? await response.json() : undefined;
    return { status: response.status, headers: response.headers, body: answer };
  } catch (err) {
    throw err instanceof Trouble ? err : new Trouble("offline");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

// call makes a call for a device, {id, sign}, or for none: {body, headers, wait, signal}, of
// which any may be left out. A stamp that the server cannot take is replaced once.
export async function call(device, method, path, options = {}) {
  try {
    return await once(device, method, path, options);
  } catch (err) {
    if (err.kind !== "sign-again") throw err;
  }
  try {
    return await once(device, method, path, options);
  } catch (err) {
    throw err.kind === "sign-again" ? new Trouble("early") : err;
  }
}

// config returns what the server says of itself: {organization, vapid, pin}.
export async function config() {
  try {
    const response = await fetch(new URL("config.json", import.meta.url), {
      cache: "no-store", redirect: "error", signal: AbortSignal.timeout(callTime * 1000),
    });
    if (response.ok) return await response.json();
  } catch {
    // the same as any other answer
  }
  throw new Trouble("offline");
}
