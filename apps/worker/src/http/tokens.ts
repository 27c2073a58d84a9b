// Owns the API tokens in memory: digests only, compared in constant time.
import { createHash, timingSafeEqual } from "node:crypto";

export interface NamedToken {
  readonly name: string;
  readonly token: string;
}

export interface TokenTable {
  /** The name of the token, or undefined. Takes equally long whichever matches. */
  nameOf(presented: string): string | undefined;
  readonly size: number;
}

export function createTokenTable(tokens: readonly NamedToken[]): TokenTable {
  const rows = tokens.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  return {
    nameOf(presented) {
      const digest = digestOf(presented);
      let found: string | undefined;
      for (const row of rows) if (timingSafeEqual(row.digest, digest)) found = row.name;
      return found;
    },
    get size() {
      return rows.length;
    },
  };
}

/** Tells two tokens apart in a log without giving either away. */
export function fingerprintOf(token: string): string {
  return digestOf(token).toString("hex").slice(0, 8);
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
