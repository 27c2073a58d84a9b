// Waits for the end of a model's load or download.
import { inBackground } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { KeepAlive } from "@waggle/protocol";
import { connectionOf } from "../../server/connection.ts";
import type { AppContext, ModelChange, ModelControl, ServedModel } from "../../server/context.ts";
import { keepAliveFor } from "../../stream/keep-alive.ts";

/** Loads the model; the load continues if the client leaves. @throws WaggleError like `changeDone` */
export async function loaded(
  c: AppContext,
  control: ModelControl,
  served: Pick<ServedModel, "name" | "status">,
  keepAlive: KeepAlive | null | undefined,
): Promise<void> {
  await changeDone(c, control.load(served.name, keepAliveFor(c, keepAlive)));
}

/** @throws WaggleError with the reason why the change failed, or when the client leaves */
export async function changeDone(c: AppContext, change: ModelChange): Promise<void> {
  const events = change.watch();
  const forget = connectionOf(c).onLeft(() => inBackground("leave the progress of a load", events.return?.()));
  try {
    for await (const event of events) {
      if (event.type === "done") return;
      if (event.type === "error") throw new WaggleError(event.code, event.message);
    }
  } finally {
    forget();
  }
  throw new WaggleError("cancelled", "The client left before the model was loaded.");
}
