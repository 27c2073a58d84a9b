// Owns a growing list and the waits for its items, such as the lines of a log or the events of a stream.
import { waitFor } from "./wait.ts";

export interface Arrivals<T> {
  readonly items: readonly T[];
  /** Does nothing once the list is full. */
  add(item: T): void;
  /** Ends the list: every wait whose item is missing fails, with this reason. */
  end(reason?: string): void;
  /** Resolves with the first item that fits, past or future. @throws TimeoutError; Error when the list ends before */
  first<S extends T>(what: string, fits: (item: T) => item is S, options?: FirstOptions): Promise<S>;
  first(what: string, fits: (item: T) => boolean, options?: FirstOptions): Promise<T>;
}

export interface FirstOptions {
  /** Index of the first item to consider; 0 by default. */
  readonly from?: number;
  readonly limitMs?: number | undefined;
}

/** @param of name of the log or stream, for error messages @param limit maximum number of items */
export function createArrivals<T>(of: string, limit: number = Infinity): Arrivals<T> {
  const items: T[] = [];
  const watchers = new Set<() => void>();
  let over: string | undefined;

  function callWatchers(): void {
    for (const watcher of [...watchers]) watcher();
  }

  function first(what: string, fits: (item: T) => boolean, { from = 0, limitMs }: FirstOptions = {}): Promise<T> {
    let seen = from;
    let stop = (): void => {};
    const found = new Promise<T>((resolve, reject) => {
      const findItem = (): void => {
        for (; seen < items.length; seen += 1) if (fits(items[seen] as T)) return resolve(items[seen] as T);
        if (over !== undefined) reject(new Error(`The ${of} ended before ${what}${over}`));
      };
      stop = () => watchers.delete(findItem);
      watchers.add(findItem);
      findItem();
    });
    return waitFor(what, found, limitMs).finally(stop);
  }

  return {
    items,
    add(item) {
      if (items.length >= limit) return;
      items.push(item);
      callWatchers();
    },
    end(reason) {
      over ??= reason === undefined ? "" : `: ${reason}`;
      callWatchers();
    },
    first,
  };
}
