// Owns the requests that wait until the visitor gives an API token, or none.

export interface TokenWait {
  /** Requests that wait. */
  readonly count: number;
  /** Resolves with the next `end()`. @throws the signal's reason when it is aborted before */
  wait(signal: AbortSignal | null | undefined): Promise<void>;
  /** Lets all requests that wait continue. */
  end(): void;
}

export function createTokenWait(): TokenWait {
  const waiting = new Set<() => void>();
  return {
    get count() {
      return waiting.size;
    },
    async wait(signal) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(proceed);
          reject(signal?.reason as Error);
        };
        const proceed = (): void => {
          signal?.removeEventListener("abort", leave);
          resolve();
        };
        waiting.add(proceed);
        signal?.addEventListener("abort", leave, { once: true });
      });
    },
    end() {
      for (const proceed of waiting) proceed();
      waiting.clear();
    },
  };
}
