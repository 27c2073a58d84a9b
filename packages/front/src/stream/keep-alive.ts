// Reads a request's `keep_alive`. A shorter time than configured affects all clients, so it needs the admin right.
import { keepAliveMs } from "@waggle/protocol";
import type { KeepAlive } from "@waggle/protocol";
import type { AppContext, ServedModel } from "../server/context.ts";

/** Milliseconds; Infinity: for ever. Undefined: as configured, also for a shorter time without the admin right. */
export function keepAliveFor(
  c: AppContext,
  served: Pick<ServedModel, "status">,
  asked: KeepAlive | null | undefined,
): number | undefined {
  if (asked == null) return undefined;
  const ms = keepAliveMs(asked);
  if (c.get("admin")) return ms;
  const { keep_alive_s: configuredS } = served.status();
  return configuredS === null || ms < configuredS * 1_000 ? undefined : ms;
}
