// Owns the browser's simple storages. In a browser that forbids them, the page uses a storage that lasts as long as the page.

export type SimpleStorage = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

/** Survives the tab, and is shared by all tabs. */
export const lastingStorage = allowed(() => localStorage);
/** Lasts as long as the tab. */
export const tabStorage = allowed(() => sessionStorage);

/** Returns false if the storage is full. */
export function storeItem(place: Pick<Storage, "setItem">, key: string, value: string): boolean {
  try {
    place.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** Returns the parsed JSON; undefined for a missing item, or an item that is not JSON. */
export function readItem(place: Pick<Storage, "getItem">, key: string): unknown {
  try {
    return JSON.parse(place.getItem(key) ?? "") as unknown;
  } catch {
    return undefined;
  }
}

/** The keys that begin with this prefix, and their items as parsed JSON. */
export function readItems(place: SimpleStorage, prefix: string): readonly (readonly [key: string, item: unknown])[] {
  const keys = Array.from({ length: place.length }, (_, i) => place.key(i) ?? "");
  return keys.filter((key) => key.startsWith(prefix)).map((key) => [key, readItem(place, key)] as const);
}

/** The storage, or memory in a browser that blocks site data: such a browser throws at each use of the storage's name. */
function allowed(storage: () => Storage): SimpleStorage {
  try {
    return storage();
  } catch {
    return createMemory();
  }
}

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
