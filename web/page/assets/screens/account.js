// The screen "account": rename it, see to its devices, remove it.

import { forget, leave, rename } from "../accounts.js";
import { state } from "../wait.js";
import * as text from "../text.js";
import * as code from "./code.js";
import * as devices from "./devices.js";
import { $, fault, once, show } from "./screen.js";

let current;

export function render(account) {
  current = account;
  $("account-title").textContent = text.label(account);
  $("account-user").textContent = account.user;
  $("account-organization").textContent = account.organization;
  $("account-state").textContent = text.state(state(account));
  $("account-created").textContent = text.time(new Date(account.created));
  $("account-kept").textContent = account.sealed ? text.behindPIN : text.inBrowser;
  if (!show("account")) return;
  $("label").value = account.label;
  for (const details of $("account").querySelectorAll("details")) details.open = false;
  code.hide();
  $("forget").hidden = true;
  fault("remove");
  devices.render(account);
}

// wire connects the controls. Done is called when the account is gone, add to add a device to it, in
// place of another if there is one.
export function wire({ done, add }) {
  devices.wire(add);
  $("rename").onsubmit = (event) => {
    event.preventDefault();
    rename(current.id, $("label").value.trim());
  };
  $("code").ontoggle = () => ($("code").open ? code.show($("account-code"), current) : code.hide());
  $("leave").onclick = () => once("account", async () => {
    try {
      await leave(current);
      done();
    } catch (err) {
      // Without the server's word the device stays in its list, for an operator to remove.
      fault("remove", text.trouble(err));
      $("forget").hidden = false;
    }
  });
  $("forget").onclick = () => once("account", async () => {
    await forget(current.id);
    done();
  });
}
