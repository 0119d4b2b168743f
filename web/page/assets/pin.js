// The PIN, where the server's policy demands one (statement 2.11).
//
// The keys of an account are then not kept as they are, but encrypted (AES-256-GCM) by a key
// that PBKDF2 makes of the PIN. As long as nobody has typed it, nothing on this device can ask
// the server or answer: not this page, not the service worker. What that protects against is
// whoever holds the unlocked phone. Who has copied the browser's files can try PINs without
// the waits below, some thousands a second: a PIN of six digits holds for minutes or hours, a long
// one for good.

import { base64, random, utf8 } from "./encoding.js";
import { all, get, put, remove, update } from "./database.js";

export const minPIN = 6;
const iterations = 600_000; // OWASP's number for PBKDF2 with SHA-256

let opened; // the key that the PIN makes, while it is typed; this page's memory alone has it
let openedFor; // the salt that it was made with
const keys = new Map(); // of the accounts, by id, as long

const ecdsa = { name: "ECDSA", namedCurve: "P-256" };

// isSet reports whether there is a PIN. If another page has removed the one that was opened here,
// perhaps to make another, that is closed: no key that it sealed could be opened again.
export async function isSet() {
  const lock = await get("lock", "pin");
  if (opened && base64(lock?.salt ?? []) !== openedFor) close();
  return lock !== undefined;
}

export const isOpen = () => opened !== undefined;

// close forgets what the PIN opened.
export function close() {
  opened = undefined;
  keys.clear();
}

// keysOf returns {sign, otp} of an account, or undefined behind a PIN that is not typed.
export const keysOf = (account) => account.keys ?? keys.get(account.id);

async function derive(pin, lock) {
  const typed = await crypto.subtle.importKey("raw", utf8(pin.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  const by = { name: "PBKDF2", hash: "SHA-256", salt: lock.salt, iterations: lock.iterations };
  return crypto.subtle.deriveKey(by, typed, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
}

// what a box holds and whose, so that none can be put in another's place
const box = (iv, of) => ({ name: "AES-GCM", iv, additionalData: utf8("radpush " + of) });

// set makes a PIN. There must be none yet.
export async function set(pin) {
  const lock = { id: "pin", salt: random(16), iterations, iv: random(12), failures: 0, until: 0 };
  const key = await derive(pin, lock);
  lock.check = await crypto.subtle.encrypt(box(lock.iv, "pin"), key, new Uint8Array());
  await put("lock", lock);
  [opened, openedFor] = [key, base64(lock.salt)];
}

// open tries a PIN and returns 0 if it was right, else in how many milliseconds another one may
// be tried, or -1 for at once. A try is counted before it is checked.
export async function open(pin) {
  const now = Date.now();
  if (waitTime(await get("lock", "pin"), now) > 0) return waitTime(await get("lock", "pin"), now);
  const lock = await update("lock", "pin", (lock) => {
    const failures = lock.failures + 1;
    // four tries, then half a minute and twice as long after each, a quarter of an hour at most
    const wait = failures < 5 ? 0 : Math.min(30_000 * 2 ** (failures - 5), 900_000);
    return { ...lock, failures, until: now + wait };
  });
  const key = await derive(pin, lock);
  try {
    await crypto.subtle.decrypt(box(lock.iv, "pin"), key, lock.check);
  } catch {
    return waitTime(lock, now) || -1;
  }
  await update("lock", "pin", (lock) => ({ ...lock, failures: 0, until: 0 }));
  for (const account of await all("accounts")) {
    if (account.sealed) keys.set(account.id, await unseal(key, account.id, account.sealed));
  }
  [opened, openedFor] = [key, base64(lock.salt)];
  return 0;
}

// A clock that was set back does not make the wait longer than it ever is.
const waitTime = (lock, now) => Math.max(0, Math.min(lock.until - now, 900_000));

// seal encrypts {sign, otp}, both extractable, and has keysOf return them from now on as keys
// that are not. The PIN is open.
export async function seal(id, { sign, otp }) {
  const one = async (format, key, of) => {
    const iv = random(12);
    return { iv, box: await crypto.subtle.wrapKey(format, key, opened, box(iv, `${of} of ${id}`)) };
  };
  const sealed = { sign: await one("pkcs8", sign, "key"), otp: await one("raw", otp, "secret"), hash: otp.algorithm.hash.name };
  keys.set(id, await unseal(opened, id, sealed));
  return sealed;
}

async function unseal(key, id, { sign, otp, hash }) {
  const { subtle } = crypto;
  return {
    sign: await subtle.unwrapKey("pkcs8", sign.box, key, box(sign.iv, `key of ${id}`), ecdsa, false, ["sign"]),
    otp: await subtle.unwrapKey("raw", otp.box, key, box(otp.iv, `secret of ${id}`), { name: "HMAC", hash }, false, ["sign"]),
  };
}

// drop removes the PIN when nothing is behind it any more.
export async function drop() {
  if ((await all("accounts")).some((account) => account.sealed)) return;
  close();
  await remove("lock", "pin");
}

const rows = ["01234567890", "09876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl"];

// isWeak reports whether a PIN is one that is tried first.
export function isWeak(pin) {
  const small = pin.toLowerCase();
  return pin.length < minPIN || new Set(small).size < 3 || rows.some((row) => row.includes(small));
}
