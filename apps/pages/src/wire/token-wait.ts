// Owns the requests that wait until the visitor gives or declines an API token.

export interface TokenWait {
  readonly count: number;
  /** Resolves at the next `end()`. @throws the signal's reason if it is aborted earlier */
  wait(signal: AbortSignal | null | undefined): Promise<void>;
  /** Lets all waiting requests continue. */
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
