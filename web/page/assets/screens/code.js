// A one-time password that is to be typed, as part of a screen (statement 3.4).

import { typedCode } from "../answer.js";
import { code as words } from "../text.js";
import { element } from "./screen.js";

let place; // where it is shown
let timer;

// show shows an account's code there until hide, another show, or another screen: a code that is
// shown is one that no approval can use.
export function show(at, account) {
  hide();
  place = at;
  refresh(at, account);
}

async function refresh(at, account) {
  if (!at.parentElement.checkVisibility()) return hide();
  const { code, stays } = await typedCode(account);
  if (place !== at) return; // hidden meanwhile
  const seconds = Math.ceil(stays / 1000);
  const half = code?.length / 2;
  const shown = code ? `${code.slice(0, half)} ${code.slice(half)}` : "";
  at.replaceChildren(shown, element("small", "", code ? words.stays(seconds) : words.comes(seconds)));
  at.hidden = false;
  timer = setTimeout(refresh, Math.min(1000, stays), at, account);
}

export function hide() {
  clearTimeout(timer);
  if (place) place.hidden = true;
  place = undefined;
}
