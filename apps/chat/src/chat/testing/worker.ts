// Owns a worker with one model, as the parts of the chat page know it that do not ask it for anything.
import { signal } from "@preact/signals";
import type { WorkerInfo } from "@waggle/protocol";
import type { ModelChoice } from "../model-choice.ts";
import type { WorkerAbout } from "../worker-about.ts";

export const oneModel: ModelChoice = {
  models: signal([]),
  find: () => undefined,
  chosen: () => undefined,
  toAsk: () => Promise.resolve(undefined),
  refresh: () => undefined,
};

export function aboutWorker(info: Partial<WorkerInfo> = {}): WorkerAbout {
  return { info: signal(info as WorkerInfo), reachable: signal(true), refresh: () => undefined };
}
