// Owns the API tokens in memory: digests only, compared in constant time.
import { createHash, timingSafeEqual } from "node:crypto";
import type { ApiToken } from "./token-file.ts";
import { noRights } from "./token-rights.ts";
import type { TokenRights } from "./token-rights.ts";

export interface TokenTable {
  /** Returns the client's name, or undefined for an unknown token. Compares in constant time. */
  tokenName(presented: string): string | undefined;
  /** Returns the rights of a client; undefined if no token has this name. */
  rightsOf(name: string): TokenRights | undefined;
  /** Names of the clients, in the order of the file. */
  readonly names: readonly string[];
  readonly size: number;
}

/** @param tokens a missing right means false, and a missing limit means no limit */
export function createTokenTable(
  tokens: readonly (Pick<ApiToken, "name" | "token"> & Partial<TokenRights>)[],
): TokenTable {
  const rows = tokens.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  const rights = new Map(tokens.map((token) => [token.name, rightsFrom(token)]));
  return {
    tokenName(presented) {
      const digest = digestOf(presented);
      let found: string | undefined;
      for (const row of rows) if (timingSafeEqual(row.digest, digest)) found = row.name;
      return found;
    },
    rightsOf: (name) => rights.get(name),
    names: tokens.map(({ name }) => name),
    get size() {
      return rows.length;
    },
  };
}

function rightsFrom({ admin = false, monitor = admin, ...more }: Partial<TokenRights>): TokenRights {
  const { tools = noRights.tools, quota = noRights.quota } = more;
  return { admin, monitor, tools, quota };
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
