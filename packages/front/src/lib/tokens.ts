// Owns the API tokens in memory: digests only, compared in constant time.
import { createHash, timingSafeEqual } from "node:crypto";
import type { ApiToken } from "./token-file.ts";

export interface TokenTable {
  /** The name of the token, or undefined. Takes equally long whichever matches. */
  nameOf(presented: string): string | undefined;
  readonly size: number;
}

export function createTokenTable(tokens: readonly ApiToken[]): TokenTable {
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

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
