// Reserves parts of a limit. A client may hold a share of it, so that no client can take all from the others.

/** The limit that an addition would exceed. */
export type ShareLimit = "full" | "client_share";

export interface Shares {
  /** The limit that the client would exceed with this much more; undefined if there is room. */
  limitFor(client: string, size: number): ShareLimit | undefined;
  /** @param size negative when the client gives it back */
  add(client: string, size: number): void;
  /** The most that one client may hold, at least 1. */
  readonly clientCapacity: number;
  readonly total: number;
}

/** @param share above 0, at most 1 */
export function createShares(capacity: number, share: number): Shares {
  const byClient = new Map<string, number>();
  const clientCapacity = Math.max(1, Math.floor(share * capacity));
  let total = 0;
  const heldBy = (client: string): number => byClient.get(client) ?? 0;

  return {
    limitFor(client, size) {
      if (total + size > capacity) return "full";
      return heldBy(client) + size > clientCapacity ? "client_share" : undefined;
    },
    add(client, size) {
      total += size;
      const held = heldBy(client) + size;
      if (held === 0) byClient.delete(client);
      else byClient.set(client, held);
    },
    clientCapacity,
    get total() {
      return total;
    },
  };
}
