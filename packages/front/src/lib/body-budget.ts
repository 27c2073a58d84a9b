// Owns the memory of bodies that are still arriving, over all requests: what an unfinished body holds, and which one goes when it is too much.

/** One body that is arriving. */
export interface ArrivingBody {
  /** These bytes are held as well; the budget may take this body's place for it, or another's. */
  add(bytes: number): void;
  /** It arrived, or it never will. */
  close(): void;
}

export interface BodyBudget {
  /** @param end called once, when the body has to go: what it held counts no longer */
  open(end: () => void): ArrivingBody;
  readonly bytes: number;
}

/**
 * At the limit the body goes that has been arriving for longest. An honest body is there within moments, so small ones never wait
 * behind large ones that are never finished, and who sends slowly loses no more than who sends nothing.
 */
export function createBodyBudget(maxBytes: number): BodyBudget {
  interface Entry {
    bytes: number;
    readonly end: () => void;
  }
  /** Oldest first. */
  const arriving = new Set<Entry>();
  let total = 0;

  function remove(entry: Entry): void {
    if (arriving.delete(entry)) total -= entry.bytes;
  }

  return {
    open(end) {
      const entry: Entry = { bytes: 0, end };
      arriving.add(entry);
      return {
        add(bytes) {
          if (!arriving.has(entry)) return;
          entry.bytes += bytes;
          total += bytes;
          for (const oldest of arriving) {
            if (total <= maxBytes) break;
            remove(oldest);
            oldest.end();
          }
        },
        close: () => remove(entry),
      };
    },
    get bytes() {
      return total;
    },
  };
}
