// Owns what a request that only asks to load the model is told: that it is, that it is not yet, or that it stays.
import { WaggleError } from "@waggle/protocol";
import type { OllamaChatRequest, WorkerInfo } from "@waggle/protocol";
import type { WorkerView } from "../../context.ts";

/** How soon who asks too early may ask again. */
const retryAfterS = 1;

/** @throws WaggleError unavailable while the model loads */
export function loadedInfo(view: Pick<WorkerView, "info">): WorkerInfo {
  const info = view.info();
  if (info.context_size !== undefined) return info;
  throw new WaggleError("unavailable", "Cannot answer: the model is not loaded yet.", { retryAfterS });
}

/** @throws WaggleError unimplemented when what is asked for is to unload it */
export function checkStays(keepAlive: OllamaChatRequest["keep_alive"], model: string): void {
  const unload = keepAlive === 0 || (typeof keepAlive === "string" && !/[1-9]/.test(keepAlive));
  if (!unload) return;
  throw new WaggleError(
    "unimplemented",
    `Cannot unload model '${model}': this worker keeps the one that it was started with.`,
  );
}
