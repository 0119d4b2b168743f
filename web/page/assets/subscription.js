// Web Push: has the browser's push service wake the service worker, and tells the server where.

import { base64url, fromBase64url } from "./encoding.js";
import { update } from "./database.js";
import { accounts, device } from "./accounts.js";
import { call } from "./server.js";

const subscribeTime = 15_000;

// can reports whether this browser could be rung at all. Safari on a phone can once the page is
// on the Home Screen.
export const can = () => "Notification" in globalThis && "PushManager" in globalThis;

const told = new Map(); // by account: the address as the server was told it since the start

// sync has the push service reach this browser, if the server has a key for one (vapid) and the
// user allows notifications, and tells the server of each account's address when it has changed. At
// each start it is told again: the server may have taken it for gone. It throws if the browser has
// no push service, or the server refuses it. What else keeps an account from telling the server,
// its polls find out too, and say.
export async function sync(registration, vapid) {
  const allowed = can() && vapid && Notification.permission === "granted";
  const subscription = allowed ? await subscribed(registration, vapid) : null;
  const token = subscription ? JSON.stringify(subscription) : "";
  const all = await Promise.allSettled((await accounts()).map((account) => tell(account, token)));
  const refused = all.find((one) => one.reason?.kind === "refused");
  if (refused) throw refused.reason;
}

async function tell(account, token) {
  const signer = device(account);
  if (!signer || token === (told.get(account.id) ?? "") && token === account.address) return;
  if (token) await call(signer, "PUT", "/device/v1/address", { body: { service: "webpush", token } });
  else await call(signer, "DELETE", "/device/v1/address");
  told.set(account.id, token);
  await update("accounts", account.id, (a) => a && { ...a, address: token });
}

// subscribed returns the subscription for a key of the server's. One for another key is of no
// use: the push service would refuse what the server sends.
async function subscribed(registration, vapid) {
  const old = await registration.pushManager.getSubscription();
  if (old && base64url(old.options.applicationServerKey ?? new ArrayBuffer()) === vapid) return old;
  await old?.unsubscribe();
  const asked = registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: fromBase64url(vapid) });
  // A browser that cannot reach its push service may not come back to us at all.
  const late = new Promise((_, reject) => setTimeout(reject, subscribeTime, new Error("no push service")));
  return Promise.race([asked, late]);
}
