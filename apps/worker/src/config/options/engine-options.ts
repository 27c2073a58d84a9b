// Owns the settings of the engine and of the chat template, and hidden settings that make the fake backend slow or faulty.
import { BackendNameSchema } from "@waggle/protocol";
import type { OptionRows } from "@waggle/daemon";
import { boolean, booleanValue, byteSize, duration, integer, oneOf, text } from "@waggle/daemon";
import { maxTokenGap } from "../model-values.ts";

const devices = ["auto", "cpu", "cuda", "vulkan", "metal"] as const;

/** `reserved`: memory of used cells only; `unified`: one cache; `separate`: equal parts. */
const cacheForms = ["reserved", "unified", "separate"] as const;

export const engineOptions = {
  chatTemplate: {
    flag: "chat-template",
    value: "template",
    group: "Model",
    help: "chat template instead of the model's: a file, or a name such as chatml",
    schema: text(1, 4_096),
    defaultText: "the GGUF's template; chatml or generic if it has no template",
  },

  backend: {
    flag: "backend",
    value: "name",
    group: "Engine",
    help: "llama, or fake: canned words without a model, for tests",
    schema: oneOf(BackendNameSchema.options),
    default: "llama",
    advanced: true,
  },
  device: {
    flag: "device",
    value: "name",
    group: "Engine",
    help: `device to compute on: ${devices.join(", ")}`,
    schema: oneOf(devices),
    default: "auto",
  },
  gpuFolder: {
    flag: "gpu-dir",
    value: "folder",
    group: "Engine",
    help: "extra folder to search for GPU packages",
    schema: text(1, 4_096),
    defaultText: "$XDG_CACHE_HOME/waggle/gpu, or ~/.cache/waggle/gpu",
  },
  slots: {
    flag: "slots",
    value: "n",
    group: "Engine",
    help: "number of jobs that run at the same time, 1 to 64",
    schema: integer(1, 64),
    default: "8",
  },
  contextSize: {
    flag: "context-size",
    shortFlag: "context",
    value: "tokens",
    group: "Engine",
    help: "most tokens of one job, prompt and answer together",
    schema: integer(16, 16_777_216),
    defaultText: "the trained size, at most the context pool",
  },
  contextPool: {
    flag: "context-pool",
    value: "tokens",
    group: "Engine",
    help: "most tokens of all running jobs together",
    schema: integer(16, 1_073_741_824),
    defaultText: "8192 per slot, or --context-size per slot; at most half of the free memory",
  },
  cacheForm: {
    flag: "cache-form",
    value: "form",
    group: "Engine",
    help: `how slots share the KV cache, with Waggle's addon: ${cacheForms.join(", ")}`,
    schema: oneOf(cacheForms),
    defaultText: "reserved on a CPU, unified on a GPU; separate if the model's cache cannot be shared",
    advanced: true,
  },
  threads: {
    flag: "threads",
    value: "n",
    group: "Engine",
    help: "fixed number of threads for a forward pass, 1 to 512",
    schema: integer(1, 512),
    defaultText: "all cores but one at first, then the fastest number measured",
  },
  prefillBudget: {
    flag: "prefill-budget",
    value: "tokens",
    group: "Engine",
    help: "most prompt tokens of a step",
    schema: integer(1, 8_192),
    defaultText: "--batch-size; while other slots decode, as few as their cost allows",
    advanced: true,
  },
  maxTokenGapMs: {
    flag: "max-token-gap",
    value: "duration",
    group: "Engine",
    help: "longest time between a stream's tokens, even if it slows prompts; none: no limit",
    schema: maxTokenGap(),
    defaultText: "as short as the cost of prompt tokens allows",
  },
  guesses: {
    flag: "guesses",
    value: booleanValue,
    group: "Engine",
    help: "guess tokens where this makes answers faster; off: never",
    schema: boolean(),
    default: "on",
  },
  prefixStoreBytes: {
    flag: "prefix-store-size",
    value: "size",
    group: "Engine",
    help: "memory for reusable KV caches of finished prompts; 0 stores none",
    schema: byteSize("0", "1024GiB"),
    default: "1GiB",
  },
  prefixStoreDir: {
    flag: "prefix-store-dir",
    value: "folder",
    group: "Engine",
    help: "folder that keeps KV caches of finished prompts across restarts",
    schema: text(1, 4_096),
    defaultText: "a file system in memory, if there is one; deleted at exit",
  },
} as const satisfies OptionRows;

export const fakeOptions = {
  fakeStepDelayMs: {
    flag: "fake-step-delay",
    value: "ms",
    group: "Fake backend",
    help: "duration of a step; a bare number is in milliseconds",
    schema: duration("0ms", "1h", "ms"),
    hidden: true,
  },
  fakeLoadDelayMs: {
    flag: "fake-load-delay",
    value: "ms",
    group: "Fake backend",
    help: "simulated loading time; a bare number is in milliseconds",
    schema: duration("0ms", "1h", "ms"),
    hidden: true,
  },
  fakeFailLoad: {
    flag: "fake-fail-load",
    value: "message",
    group: "Fake backend",
    help: "message with which loading fails",
    schema: text(1, 1_024),
    hidden: true,
  },
  fakeCrashAtStep: {
    flag: "fake-crash-at-step",
    value: "n",
    group: "Fake backend",
    help: "step at which the engine crashes",
    schema: integer(0, 1_000_000_000),
    hidden: true,
  },
  fakeHangAtStep: {
    flag: "fake-hang-at-step",
    value: "n",
    group: "Fake backend",
    help: "step at which the engine hangs",
    schema: integer(0, 1_000_000_000),
    hidden: true,
  },
} as const satisfies OptionRows;
