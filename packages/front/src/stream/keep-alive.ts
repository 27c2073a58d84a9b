// Reads a request's `keep_alive`. It changes for all clients how long the model's memory is held, so it needs the admin right, as the routes that
// load, unload and pin models do. Many clients send it with each request, so without the right the request is answered and the field is ignored.
import { keepAliveMs } from "@waggle/protocol";
import type { KeepAlive } from "@waggle/protocol";
import type { AppContext } from "../server/context.ts";

/** Milliseconds; Infinity: for ever. Undefined: as configured. */
export function keepAliveFor(c: AppContext, asked: KeepAlive | null | undefined): number | undefined {
  return asked == null || !c.get("admin") ? undefined : keepAliveMs(asked);
}
