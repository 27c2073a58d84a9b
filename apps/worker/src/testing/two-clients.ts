// Owns the tokens of two clients, and the headers that they send.
import { createTokenTable } from "@waggle/daemon/tokens";
import type { HttpAccess } from "@waggle/front";

const tokens = createTokenTable([
  { name: "alice", token: "alice-token-1", tools: "all" },
  { name: "bob", token: "bob-token-22", tools: "all" },
]);

export const forTwoClients: Pick<HttpAccess, "localMode" | "tokens"> = { localMode: false, tokens: () => tokens };
export const alice = { authorization: "Bearer alice-token-1" };
export const bob = { authorization: "Bearer bob-token-22" };
