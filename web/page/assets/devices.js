// What this device may do with the others of its user (statements 9.1 and 9.3).

import { device } from "./accounts.js";
import { call, Trouble } from "./server.js";

async function signed(account, method, path, body) {
  const signer = device(account);
  if (!signer) throw new Trouble("locked");
  return call(signer, method, path, { body });
}

// list returns {devices, self_service}, as package wire has them.
export const list = async (account) => (await signed(account, "GET", "/device/v1/devices")).body;

export const rename = (account, id, name) => signed(account, "PATCH", `/device/v1/devices/${id}`, { name });

export const remove = (account, id) => signed(account, "DELETE", `/device/v1/devices/${id}`);

// invite makes a code with which another device can enrol, in place of one if there is an id. It
// returns {link, qr, until}, the latter by this device's clock.
export async function invite(account, replaces) {
  const { body, headers } = await signed(account, "POST", "/device/v1/invitation", replaces ? { replaces } : {});
  const { link, qr, expires } = body;
  const left = Date.parse(expires) - Date.parse(headers.get("Date")) - 1000; // the header has whole seconds
  return { link, qr, until: Date.now() + left };
}
