// Owns the first message to an engine process: everything it needs to know, as plain data. Environment and argv stay with the worker.
import type { BackendName } from "@waggle/protocol";
import type { WorkerConfig } from "../config.ts";

export interface EngineStart {
  readonly type: "start";
  readonly backend: BackendName;
  /** A path, or `hf:user/repo:quant`. */
  readonly model: string;
  /** Where downloads go. */
  readonly modelsFolder: string;
  readonly offline: boolean;
  readonly huggingFaceToken: string | undefined;
  /** A chat template's source, or the name of one of ours; undefined: the model's own. */
  readonly chatTemplate: string | undefined;
  readonly device: "auto" | "cpu" | "cuda" | "vulkan" | "metal";
  readonly slots: number;
  /** Tokens per slot; by default the model decides. */
  readonly contextSize: number | undefined;
  readonly threads: number;
  /** The number of threads was given by hand, so it stays. */
  readonly threadsPinned: boolean;
  /** Most threads to try when they are not pinned: a container's quota may be less than what the backend would take. */
  readonly maxThreads: number;
  readonly prefillBudget: number | undefined;
  /** Where slot states are kept, and most bytes of them; undefined: nowhere. */
  readonly prefixStore: { readonly folder: string; readonly maxBytes: number } | undefined;
  readonly fake: FakeEngineOptions;
}

/** Faults and delays of the fake backend, for tests and benchmarks. */
export interface FakeEngineOptions {
  readonly stepDelayMs: number;
  readonly loadDelayMs: number;
  readonly failLoad: string | undefined;
  readonly crashAtStep: number | undefined;
  readonly hangAtStep: number | undefined;
}

export function engineStartOf(
  config: WorkerConfig,
  model: string,
  prefixStore: EngineStart["prefixStore"],
): EngineStart {
  return {
    type: "start",
    backend: config.backend,
    model,
    modelsFolder: config.modelsFolder,
    offline: config.offline,
    huggingFaceToken: config.huggingFaceToken,
    chatTemplate: config.chatTemplate,
    device: config.device,
    slots: config.slots,
    contextSize: config.contextSize,
    threads: config.threads,
    threadsPinned: config.threadsPinned,
    maxThreads: config.maxThreads,
    prefillBudget: config.prefillBudget,
    prefixStore,
    fake: config.fake,
  };
}
