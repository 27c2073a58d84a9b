// Owns the check that a request's client may change the worker.
import { WaggleError } from "@waggle/protocol";
import type { AppContext } from "../server/context.ts";

/**
 * Called by routes that change the worker. In local mode every client has the admin right, since every client is the machine's user.
 * @throws WaggleError forbidden when the API token is not marked admin
 */
export function requireAdmin(c: AppContext): void {
  if (c.get("admin")) return;
  throw new WaggleError(
    "forbidden",
    `Cannot ${c.req.method} ${c.req.path.slice(0, 200)}: the API token is not marked admin in the token file.`,
  );
}
