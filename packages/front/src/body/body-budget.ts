// Owns the memory limit for incoming bodies of all requests together, and the choice of the body that is dropped at the limit.

/** One incoming body. */
export interface ArrivingBody {
  /** Adds received bytes. At the limit, the budget drops this body or another one. */
  add(bytes: number): void;
  /** Releases the memory: the body is complete or was given up. */
  close(): void;
}

export interface BodyBudget {
  /** @param end called once if the body is dropped; its bytes no longer count then */
  open(end: () => void): ArrivingBody;
  readonly bytes: number;
}

/**
 * At the limit, drops the body that began first. A normal body arrives within moments, so small bodies never wait
 * behind large unfinished ones, and a slow client loses no more than a silent one.
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
