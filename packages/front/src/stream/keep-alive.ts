// Owns how long a model stays loaded by a request's `keep_alive`: a shorter time than configured affects all clients, so it needs the admin right.
import { keepAliveMs } from "@waggle/protocol";
import type { KeepAlive } from "@waggle/protocol";
import type { AppContext, ServedModel } from "../server/context.ts";

/** In ms, Infinity for ever. Undefined: as the model is configured, also where the API token is not marked admin and asks for less. */
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
