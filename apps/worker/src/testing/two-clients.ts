// Owns the tokens of two clients and of two operators, and the headers that they send.
import { createTokenTable } from "@waggle/daemon/tokens";
import type { HttpAccess } from "@waggle/front";

const tokens = createTokenTable([
  { name: "alice", token: "alice-token-1", tools: "all" },
  { name: "bob", token: "bob-token-22", tools: "all" },
  { name: "root", token: "root-token-3", admin: true },
  { name: "watcher", token: "watch-token-4", monitor: true },
]);

export const forTwoClients: Pick<HttpAccess, "localMode" | "tokens"> = { localMode: false, tokens: () => tokens };
export const alice = { authorization: "Bearer alice-token-1" };
export const bob = { authorization: "Bearer bob-token-22" };
export const root = { authorization: "Bearer root-token-3" };
export const watcher = { authorization: "Bearer watch-token-4" };
