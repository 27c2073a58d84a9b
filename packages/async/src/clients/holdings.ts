// Owns what clients keep below a common limit. Beyond the limit, the client that holds most gives way, so that no client evicts what others keep.

/** Things of clients, in the order in which they were first set. */
export interface Holdings<Thing> extends Iterable<Thing> {
  /** @param size the thing's size, which may change: the thing keeps its place in the order */
  set(client: string, thing: Thing, size: number): void;
  /** Returns whether the thing was held. */
  remove(thing: Thing): boolean;
  has(thing: Thing): boolean;
  /** Removes things until the sum of all sizes is within the limit: each time the oldest of the client that holds most. */
  takeBeyond(limit: number): Iterable<Thing>;
  /** What the client with the largest sum of sizes holds, oldest first. */
  readonly ofLargest: Iterable<Thing>;
  /** What the client holds. */
  of(client: string): { readonly size: number; readonly count: number };
  /** Sum of all sizes. */
  readonly size: number;
  /** Number of all things. */
  readonly count: number;
}

export function createHoldings<Thing>(): Holdings<Thing> {
  interface Holder {
    readonly client: string;
    readonly sizes: Map<Thing, number>;
    size: number;
  }
  const holders = new Map<string, Holder>();
  const holderOf = new Map<Thing, Holder>();
  let total = 0;

  function grow(holder: Holder, size: number): void {
    holder.size += size;
    total += size;
  }

  function remove(thing: Thing): boolean {
    const holder = holderOf.get(thing);
    if (holder === undefined) return false;
    holderOf.delete(thing);
    grow(holder, -(holder.sizes.get(thing) ?? 0));
    holder.sizes.delete(thing);
    if (holder.sizes.size === 0) holders.delete(holder.client);
    return true;
  }

  function ofLargest(): Iterable<Thing> {
    let largest: Holder | undefined;
    for (const holder of holders.values()) if (largest === undefined || holder.size > largest.size) largest = holder;
    return largest?.sizes.keys() ?? [];
  }

  return {
    set(client, thing, size) {
      const holder = holderOf.get(thing) ?? holders.get(client) ?? { client, sizes: new Map(), size: 0 };
      holders.set(holder.client, holder);
      holderOf.set(thing, holder);
      grow(holder, size - (holder.sizes.get(thing) ?? 0));
      holder.sizes.set(thing, size);
    },
    remove,
    *takeBeyond(limit) {
      while (total > limit) {
        const [oldest] = ofLargest();
        if (oldest === undefined) return;
        remove(oldest);
        yield oldest;
      }
    },
    has: (thing) => holderOf.has(thing),
    get ofLargest() {
      return ofLargest();
    },
    of(client) {
      const holder = holders.get(client);
      return { size: holder?.size ?? 0, count: holder?.sizes.size ?? 0 };
    },
    get size() {
      return total;
    },
    get count() {
      return holderOf.size;
    },
    [Symbol.iterator]: () => holderOf.keys(),
  };
}
