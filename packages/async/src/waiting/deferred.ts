// Implements a promise that is settled from outside, since Node 20 has no Promise.withResolvers. Decision 005.

export interface Deferred<T> {
  readonly promise: Promise<T>;
  /** Whether `resolve` or `reject` has been called; only the first call has an effect. */
  readonly settled: boolean;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A promise with its `resolve` and `reject`. As with any promise, a rejection without a handler is an unhandled rejection. */
export function deferred<T>(): Deferred<T> {
  let settled = false;
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return {
    promise,
    get settled() {
      return settled;
    },
    resolve(value) {
      settled = true;
      settle?.resolve(value);
    },
    reject(error) {
      settled = true;
      settle?.reject(error);
    },
  };
}
