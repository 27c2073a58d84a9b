// Owns things that arrive one by one and are waited for: the lines of a log, the events of a stream.
import { waitFor } from "./wait.ts";

export interface Arrivals<T> {
  readonly items: readonly T[];
  /** Nothing is added beyond the limit. */
  add(item: T): void;
  /** No more items come: each wait fails, with the reason if there is one. */
  end(reason?: string): void;
  /** The first that fits, come or still to come. @throws TimeoutError, or Error when it ends before */
  first<S extends T>(what: string, fits: (item: T) => item is S, options?: FirstOptions): Promise<S>;
  first(what: string, fits: (item: T) => boolean, options?: FirstOptions): Promise<T>;
}

export interface FirstOptions {
  /** `items.length` of the moment from which on they count; all of them by default. */
  readonly from?: number;
  readonly limitMs?: number | undefined;
}

/** @param of what they belong to, for the errors */
export function createArrivals<T>(of: string, limit: number = Infinity): Arrivals<T> {
  const items: T[] = [];
  const watchers = new Set<() => void>();
  let over: string | undefined;

  function tell(): void {
    for (const watcher of [...watchers]) watcher();
  }

  function first(what: string, fits: (item: T) => boolean, { from = 0, limitMs }: FirstOptions = {}): Promise<T> {
    let seen = from;
    let stop = (): void => {};
    const found = new Promise<T>((resolve, reject) => {
      const look = (): void => {
        for (; seen < items.length; seen += 1) if (fits(items[seen] as T)) return resolve(items[seen] as T);
        if (over !== undefined) reject(new Error(`The ${of} ended before ${what}${over}`));
      };
      stop = () => watchers.delete(look);
      watchers.add(look);
      look();
    });
    return waitFor(what, found, limitMs).finally(stop);
  }

  return {
    items,
    add(item) {
      if (items.length >= limit) return;
      items.push(item);
      tell();
    },
    end(reason) {
      over ??= reason === undefined ? "" : `: ${reason}`;
      tell();
    },
    first,
  };
}
