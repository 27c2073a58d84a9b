// Owns a worker with one model, for tests that send it no requests.
import { signal } from "@preact/signals";
import type { WorkerInfo } from "@waggle/protocol";
import type { ModelChoice } from "../model/model-choice.ts";
import type { WorkerAbout } from "../model/worker-about.ts";

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
