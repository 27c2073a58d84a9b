// Implements a changing value for watchers that need only its newest state: a slow watcher skips values, so no values queue up.

export interface ConflatedChannel<T> {
  readonly value: T;
  set(value: T): void;
  /** Yields the current value, then newer values. The iterator's `return()` ends a pending `next()` at once, unlike a generator's `return()`. */
  watch(): AsyncIterableIterator<T>;
}

export function createConflatedChannel<T>(initial: T): ConflatedChannel<T> {
  let value = initial;
  let version = 1;
  const wakers = new Set<() => void>();
  return {
    get value() {
      return value;
    },
    set(newer) {
      value = newer;
      version += 1;
      for (const wake of wakers) wake();
    },
    watch() {
      let seen = 0;
      let done = false;
      let pending: ((result: IteratorResult<T>) => void) | undefined;
      const wake = (): void => {
        const resolve = pending;
        if (resolve === undefined) return;
        pending = undefined;
        wakers.delete(wake);
        if (done) return resolve({ done: true, value: undefined });
        seen = version;
        resolve({ done: false, value });
      };
      return {
        next() {
          if (done) return Promise.resolve({ done: true, value: undefined });
          if (seen < version) {
            seen = version;
            return Promise.resolve({ done: false, value });
          }
          return new Promise((resolve) => {
            pending = resolve;
            wakers.add(wake);
          });
        },
        return() {
          done = true;
          wake();
          return Promise.resolve({ done: true, value: undefined });
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  };
}
