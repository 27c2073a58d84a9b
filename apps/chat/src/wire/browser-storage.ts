// Owns the browser's simple storages as this page uses them: where a browser forbids them, one that lasts as long as the page takes their place.

export type SimpleStorage = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

/** What lasts, for all tabs. */
export const lastingStorage = allowed(() => localStorage);
/** What lasts as long as the tab. */
export const tabStorage = allowed(() => sessionStorage);

/** @returns false where there is no room for it */
export function keepItem(place: Pick<Storage, "setItem">, key: string, value: string): boolean {
  try {
    place.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** @returns what JSON says there; undefined where there is nothing, or something else */
export function readItem(place: Pick<Storage, "getItem">, key: string): unknown {
  try {
    return JSON.parse(place.getItem(key) ?? "") as unknown;
  } catch {
    return undefined;
  }
}

/** Whoever blocks the data of a site is told so by an error at the very name of its storage. */
function allowed(storage: () => Storage): SimpleStorage {
  try {
    return storage();
  } catch {
    return createMemory();
  }
}

/** As long as whoever holds it. */
export function createMemory(entries: Readonly<Record<string, string>> = {}): SimpleStorage {
  const items = new Map(Object.entries(entries));
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
