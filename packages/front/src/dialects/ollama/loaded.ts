// Owns the wait for a model that a request asks to load and for nothing else.
import { WaggleError } from "@waggle/protocol";
import type { KeepAlive } from "@waggle/protocol";
import { connectionOf } from "../../server/connection.ts";
import type { AppContext, ModelControl, ServedModel } from "../../server/context.ts";
import { keepAliveFor } from "../../stream/keep-alive.ts";

/** Resolves when the model is loaded. A client that leaves does not stop it. @throws WaggleError with what keeps it from loading */
export async function loaded(
  c: AppContext,
  control: ModelControl,
  served: Pick<ServedModel, "name" | "status">,
  keepAlive: KeepAlive | null | undefined,
): Promise<void> {
  const change = control.load(served.name, keepAliveFor(c, served, keepAlive));
  const events = change.watch();
  const forget = connectionOf(c).onLeft(() => void events.return?.());
  try {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.type === "done") return;
      if (next.value.type === "error") throw new WaggleError(next.value.code, next.value.message);
    }
  } finally {
    forget();
    await events.return?.();
  }
  throw new WaggleError("cancelled", "The client left before the model was loaded.");
}
