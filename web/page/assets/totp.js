// One-time passwords: TOTP (RFC 6238), which is HOTP (RFC 4226) of a step of time.

import { fromBase32 } from "./encoding.js";

const hashes = { SHA1: "SHA-1", SHA256: "SHA-256", SHA512: "SHA-512" };

// importSecret makes a key of {secret, algorithm, digits, period} as enrolment tells them.
// From then on the secret itself can be read by nobody, unless it is extractable.
export function importSecret({ secret, algorithm, digits, period }, extractable = false) {
  if (!hashes[algorithm] || ![6, 8].includes(digits) || ![30, 60].includes(period)) {
    throw new Error("one-time passwords of a kind that is not known here");
  }
  const hmac = { name: "HMAC", hash: hashes[algorithm] };
  return crypto.subtle.importKey("raw", fromBase32(secret), hmac, extractable, ["sign"]);
}

// stepOf returns the step that a time in milliseconds lies in (RFC 6238, section 4.2).
export const stepOf = (time, period) => Math.floor(time / 1000 / period);

// code returns the code of a step (RFC 4226, section 5.3).
export async function code(key, step, digits) {
  const message = new DataView(new ArrayBuffer(8));
  message.setBigUint64(0, BigInt(step));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, message));
  const offset = mac.getUint8(mac.byteLength - 1) & 0xf;
  const number = (mac.getUint32(offset) & 0x7fffffff) % 10 ** digits;
  return String(number).padStart(digits, "0");
}
