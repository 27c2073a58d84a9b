// Owns the memory limit of all incoming bodies together, and selects the body that is dropped at the limit.

export interface ArrivingBody {
  /** Adds received bytes, or removes some that are no longer held. At the limit, the budget drops the oldest body, which may be this body. */
  add(bytes: number): void;
  /** Releases the memory, when the body is complete or was given up. */
  close(): void;
}

export interface BodyBudget {
  /** @param end called once, if the body is dropped; then the body's bytes no longer count */
  open(end: () => void): ArrivingBody;
  readonly bytes: number;
}

/**
 * At the limit, drops the oldest body. A normal body arrives within moments, so the oldest body is usually that of a slow or silent client. Large
 * bodies of slow clients therefore do not block small bodies.
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
