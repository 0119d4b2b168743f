// The service worker: starts the page without a network, shows a notification for each push,
// and answers by a notification's buttons. The server writes two constants in front of it: version,
// which changes with any file of the page, and files, the names of them all.

import { accounts, device } from "./accounts.js";
import { answer } from "./answer.js";
import * as notices from "./notices.js";
import { open, recent, request as find, take } from "./requests.js";
import { call, config } from "./server.js";
import { sync } from "./subscription.js";

// The files of one version stand together, so that an update is whole or not at all.
const cacheName = "radpush " + version;

self.addEventListener("install", (event) => {
  const fresh = files.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name !== cacheName) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  const kept = async () => {
    const cache = await caches.open(cacheName);
    return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
  };
  event.respondWith(kept());
});

// A push says no more than {"challenge": id}, or {"withdraw": id} (statement 9.4).
self.addEventListener("push", (event) => {
  let said;
  try {
    said = event.data.json();
  } catch {
    // not ours; a notification it has to be all the same
  }
  const { challenge, withdraw } = Object(said);
  event.waitUntil(rung(String(challenge ?? withdraw ?? "request"), withdraw !== undefined));
});

const soon = 3000; // milliseconds: a person is to be rung by then, however slow the network is

async function rung(id, withdrawn) {
  const early = withdrawn ? undefined : setTimeout(notices.generic, soon, self.registration, id);
  const told = await ask();
  clearTimeout(early);
  const request = [...(await open()), ...(await recent())].find((r) => r.id === id);
  if (request?.state === "open" && !withdrawn) return notices.ask(self.registration, request);
  if (request || withdrawn || told) return notices.ended(self.registration, id, request?.state);
  return notices.generic(self.registration, id);
}

// ask asks the server what is open, for all accounts, and reports whether it was told of all.
async function ask() {
  const told = (await accounts()).map(async (account) => {
    const signer = device(account);
    if (!signer) return false; // behind the PIN
    try {
      const { body, headers } = await call(signer, "GET", "/device/v1/challenges");
      await take(account, body.challenges, headers.get("Date"));
      return true;
    } catch {
      return false;
    }
  });
  return (await Promise.all(told)).every(Boolean);
}

self.addEventListener("notificationclick", (event) => {
  const { tag, data } = event.notification;
  event.notification.close();
  event.waitUntil(event.action && data?.key ? decide(tag, data.key, event.action) : show());
});

async function decide(id, key, decision) {
  try {
    const request = await answer(await find(key), decision);
    await notices.ended(self.registration, id, request.state);
  } catch {
    await notices.failed(self.registration, id);
  }
}

async function show() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((p) => p.url.startsWith(self.registration.scope));
  return page ? page.focus() : self.clients.openWindow(self.registration.scope);
}

self.addEventListener("pushsubscriptionchange", (event) => {
  // Accounts behind a PIN are told by the page when it opens.
  event.waitUntil(config().then(({ vapid }) => sync(self.registration, vapid)).catch(() => {}));
});
