// Notifications about requests, for the page and the service worker. All that concern one
// request have its id as their tag, so that a later one takes an earlier one's place.

import { isSet } from "./pin.js";
import { prompt } from "./requests.js";
import * as text from "./text.js";

const look = { icon: "icon-192.png", badge: "badge-96.png" };

// ask tells of an open request. Behind a PIN nothing of it is shown (statement 2.11), and with
// numbers to choose from it cannot be answered by a button (2.12).
export async function ask(registration, request) {
  if (await isSet()) return generic(registration, request.id);
  const shown = prompt(request);
  const who = [shown.user, shown.organization].filter(Boolean).join(", ");
  const from = [shown.ip, shown.location].filter(Boolean).join(", ");
  return registration.showNotification(text.question(shown.resource), {
    ...look, tag: request.id, data: { key: request.key }, requireInteraction: true,
    body: [who, from].filter(Boolean).join("\n"),
    timestamp: Date.parse(shown.started),
    actions: shown.numbers ? [] : [
      { action: "approve", title: text.notice.approve },
      { action: "not-me", title: text.notice.notMe },
    ],
  });
}

// generic tells that there is a request, and nothing of it.
export function generic(registration, id) {
  return registration.showNotification(text.notice.generic, { ...look, tag: id, body: text.notice.open, requireInteraction: true });
}

// ended takes the place of a notification whose request has ended. To only close it would be
// a push that shows nothing, and after a few of those browsers end the subscription.
export function ended(registration, id, state) {
  const [title, body] = text.ended(state);
  return registration.showNotification(title, { ...look, tag: id, body, silent: true });
}

// failed tells that an answer by a button did not arrive.
export function failed(registration, id) {
  return registration.showNotification(text.notice.failed, { ...look, tag: id, body: text.notice.retry });
}

// clear closes the notifications of requests that are not open. What tells of their end stays.
export async function clear(registration, open) {
  for (const n of await registration.getNotifications()) {
    if (!n.silent && !open.has(n.tag)) n.close();
  }
}

