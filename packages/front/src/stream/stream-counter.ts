// Counts the open streams, or uploads, of each client, and limits them.
import { WaggleError } from "@waggle/protocol";

export interface StreamCounter {
  /**
   * Counts a stream of this client, before any work for the stream. @returns a function that releases the stream, and may be called twice
   * @throws WaggleError resource_exhausted at the client's limit
   */
  reserve(client: string): () => void;
  readonly open: number;
}

/** @param what as in "another stream" */
export function createStreamCounter(maxPerClient: number, what = "stream"): StreamCounter {
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
          `Cannot open another ${what}: the number of open ${what}s of this client is at its limit of ${maxPerClient}.`,
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
