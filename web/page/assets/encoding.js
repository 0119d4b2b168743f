// Octets as text, in the alphabets of RFC 4648 that the device API uses.

export const utf8 = (text) => new TextEncoder().encode(text);

// base64 is section 4, with padding. It takes octets or an ArrayBuffer.
export function base64(octets) {
  return btoa(String.fromCharCode(...new Uint8Array(octets)));
}

// base64url is section 5, without padding.
export function base64url(octets) {
  return base64(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// fromBase32 reads section 6 without padding. Bits that do not fill an octet are dropped.
export function fromBase32(text) {
  const octets = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    const digit = base32.indexOf(letter);
    if (digit < 0) throw new Error("not base32");
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      octets.push((value >> bits) & 0xff);
    }
  }
  return Uint8Array.from(octets);
}

// random returns so many octets that nobody can guess.
export const random = (n) => crypto.getRandomValues(new Uint8Array(n));

export const sha256 = (octets) => crypto.subtle.digest("SHA-256", octets);
