// "Look again": the page, other pages of this browser and the service worker tell one another
// that the database has changed.

const channel = new BroadcastChannel("radpush");
const here = new Set();

export function changed() {
  channel.postMessage("changed");
  for (const look of here) look();
}

export function onChange(look) {
  here.add(look);
  channel.addEventListener("message", look);
}
