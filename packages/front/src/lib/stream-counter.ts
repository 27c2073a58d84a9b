// Owns how many streams each client holds open, and the limit on it.
import { WaggleError } from "@waggle/protocol";

export interface StreamCounter {
  /** @throws WaggleError resource_exhausted when one more would be too many */
  check(client: string): void;
  /** Passes the iterator through and counts it until it ends or is returned. */
  count<T>(client: string, stream: AsyncIterator<T>): AsyncIterator<T>;
  readonly open: number;
}

export function createStreamCounter(maxPerClient: number): StreamCounter {
  const perClient = new Map<string, number>();
  let open = 0;

  function add(client: string, change: 1 | -1): void {
    open += change;
    const count = (perClient.get(client) ?? 0) + change;
    if (count === 0) perClient.delete(client);
    else perClient.set(client, count);
  }

  return {
    check(client) {
      if ((perClient.get(client) ?? 0) < maxPerClient) return;
      throw new WaggleError(
        "resource_exhausted",
        `Cannot open another stream: this client holds ${maxPerClient} already.`,
        {
          retryAfterS: 1,
        },
      );
    },
    count(client, stream) {
      let counted = true;
      add(client, 1);
      const release = (): void => {
        if (counted) add(client, -1);
        counted = false;
      };
      return {
        async next() {
          const result = await stream.next();
          if (result.done === true) release();
          return result;
        },
        async return() {
          release();
          await stream.return?.();
          return { done: true, value: undefined };
        },
      };
    },
    get open() {
      return open;
    },
  };
}
