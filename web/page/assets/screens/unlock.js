// The screen "unlock": the PIN (statement 2.11).

import { accounts, forget } from "../accounts.js";
import * as pin from "../pin.js";
import * as text from "../text.js";
import { $, fault, once, show } from "./screen.js";

export function render() {
  if (!show("unlock")) return;
  fault("unlock");
  $("unlock-pin").value = "";
  $("unlock-pin").focus();
}

// wire connects the controls. Done is called when the PIN is open, or there is none any more.
export function wire(done) {
  $("unlock").querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    once("unlock", async () => {
      const wait = await pin.open($("unlock-pin").value);
      $("unlock-pin").value = "";
      fault("unlock", wait === 0 ? "" : text.wrongPIN(wait));
      if (wait === 0) done();
    });
  };
  $("reset").onclick = () =>
    once("unlock", async () => {
      for (const account of await accounts()) await forget(account.id);
      done();
    });
}
