// Owns how many streams each client holds open, and the limit on it.
import { WaggleError } from "@waggle/protocol";

export interface StreamCounter {
  /**
   * Counts one more stream of this client, before anything is done for it; the function that comes back ends that, and may be called twice.
   * @throws WaggleError resource_exhausted when it would be one too many
   */
  reserve(client: string): () => void;
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
    reserve(client) {
      if ((perClient.get(client) ?? 0) >= maxPerClient) {
        throw new WaggleError(
          "resource_exhausted",
          `Cannot open another stream: this client holds ${maxPerClient} already.`,
          { retryAfterS: 1 },
        );
      }
      let reserved = true;
      add(client, 1);
      return () => {
        if (reserved) add(client, -1);
        reserved = false;
      };
    },
    get open() {
      return open;
    },
  };
}
