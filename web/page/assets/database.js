// What this browser keeps, in IndexedDB:
//
//   accounts   one for each enrolment: who, the keys (as CryptoKey, which IndexedDB can hold and
//              nobody can read), and which one-time password was sent last
//   requests   what the user was asked and how it ended, the newest of them
//   lock       how the PIN is checked, if there is one: one record, "pin"
//
// The page and the service worker share it. It is the one place that says how things stand:
// whoever changes it tells the others, who look again (changes.js).

let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("radpush", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("accounts", { keyPath: "id" });
      asked.result.createObjectStore("requests", { keyPath: "key" });
      asked.result.createObjectStore("lock", { keyPath: "id" });
    };
    asked.onsuccess = () => {
      const forget = () => (opened = undefined);
      asked.result.onclose = forget;
      asked.result.onversionchange = () => {
        asked.result.close();
        forget();
      };
      resolve(asked.result);
    };
    asked.onerror = () => {
      opened = undefined;
      reject(asked.error);
    };
  });
  return opened;
}

// run does work in one transaction and returns what its request came to, when that is on the
// disk. Work must not wait for anything else: the transaction would end.
async function run(store, mode, work) {
  const transaction = (await open()).transaction(store, mode, { durability: "strict" });
  return new Promise((resolve, reject) => {
    const asked = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const get = (store, key) => run(store, "readonly", (s) => s.get(key));
export const all = (store) => run(store, "readonly", (s) => s.getAll());
export const put = (store, value) => run(store, "readwrite", (s) => s.put(value));
export const remove = (store, key) => run(store, "readwrite", (s) => s.delete(key));

// update replaces a record by what change makes of it, in one transaction, and returns it as it
// is then. Change is called with undefined if there is none, and returns nothing to leave it.
export async function update(store, key, change) {
  let now;
  await run(store, "readwrite", (s) => {
    const asked = s.get(key);
    asked.onsuccess = () => {
      const next = change(asked.result);
      now = next ?? asked.result;
      if (next) s.put(next);
    };
    return asked;
  });
  return now;
}
