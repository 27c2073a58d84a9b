// Owns the memory limit of all incoming bodies together, and selects the body that is dropped at the limit.
import { createHoldings } from "@waggle/async";

export interface ArrivingBody {
  /** Adds received bytes, or removes some that are no longer held. At the limit, the budget drops a body, which may be this body. */
  add(bytes: number): void;
  /** Releases the memory, when the body is complete or was given up. */
  close(): void;
}

export interface BodyBudget {
  /** @param end called once, if the body is dropped; then the body's bytes no longer count */
  open(client: string, end: () => void): ArrivingBody;
  readonly bytes: number;
}

/**
 * At the limit, the client with the most bytes loses its oldest body. A normal body arrives within moments, so the oldest body is usually a slow or
 * silent one. Large bodies of slow clients therefore do not block small bodies.
 */
export function createBodyBudget(maxBytes: number): BodyBudget {
  interface Entry {
    bytes: number;
    readonly end: () => void;
  }
  const arriving = createHoldings<Entry>();

  return {
    open(client, end) {
      const entry: Entry = { bytes: 0, end };
      arriving.set(client, entry, 0);
      return {
        add(bytes) {
          if (!arriving.has(entry)) return;
          entry.bytes += bytes;
          arriving.set(client, entry, entry.bytes);
          for (const oldest of arriving.takeBeyond(maxBytes)) oldest.end();
        },
        close: () => void arriving.remove(entry),
      };
    },
    get bytes() {
      return arriving.size;
    },
  };
}
