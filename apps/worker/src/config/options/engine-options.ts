// Owns the settings of the engine and of the chat template, and hidden settings that make the fake backend slow or faulty.
import { BackendNameSchema } from "@waggle/protocol";
import {
  advancedSetting,
  boolean,
  booleanValue,
  byteSize,
  duration,
  inGroup,
  integer,
  oneOf,
  setting,
  text,
} from "@waggle/daemon";
import { maxTokenGap } from "../model-values.ts";

const devices = ["auto", "cpu", "cuda", "vulkan", "metal"] as const;

/** `reserved`: memory of used cells only; `unified`: one cache; `separate`: equal parts. */
const cacheForms = ["reserved", "unified", "separate"] as const;

export const engineOptions = {
  ...inGroup("Model", {
    chatTemplate: setting("--chat-template <template>", text(1, 4_096), {
      help: "chat template instead of the model's: a file, or a name such as chatml",
      defaultText: "the GGUF's template; chatml or generic if it has no template",
    }),
  }),
  ...inGroup("Engine", {
    backend: advancedSetting("--backend <name>", oneOf(BackendNameSchema.options), {
      help: "llama, or fake: canned words without a model, for tests",
      default: "llama",
    }),
    device: setting("--device <name>", oneOf(devices), {
      help: `device to compute on: ${devices.join(", ")}`,
      default: "auto",
    }),
    gpuFolder: setting("--gpu-dir <folder>", text(1, 4_096), {
      help: "extra folder to search for GPU packages",
      defaultText: "$XDG_CACHE_HOME/waggle/gpu, or ~/.cache/waggle/gpu",
    }),
    slots: setting("--slots <n>", integer(1, 64), {
      help: "number of jobs that run at the same time, 1 to 64",
      default: "8",
    }),
    contextSize: setting("--context, --context-size <tokens>", integer(16, 16_777_216), {
      help: "most tokens of one job, prompt and answer together",
      defaultText: "the trained size, at most the context pool",
    }),
    contextPool: setting("--context-pool <tokens>", integer(16, 1_073_741_824), {
      help: "most tokens of all running jobs together",
      defaultText: "8192 per slot, or --context-size per slot; at most half of the free memory",
    }),
    cacheForm: advancedSetting("--cache-form <form>", oneOf(cacheForms), {
      help: `how slots share the KV cache, with Waggle's addon: ${cacheForms.join(", ")}`,
      defaultText: "reserved on a CPU, unified on a GPU; separate if the model's cache cannot be shared",
    }),
    threads: setting("--threads <n>", integer(1, 512), {
      help: "fixed number of threads for a forward pass, 1 to 512",
      defaultText: "all cores but one at first, then the fastest number measured",
    }),
    prefillBudget: advancedSetting("--prefill-budget <tokens>", integer(1, 8_192), {
      help: "most prompt tokens of a step",
      defaultText: "--batch-size; while other slots decode, as few as their cost allows",
    }),
    maxTokenGapMs: setting("--max-token-gap <duration>", maxTokenGap(), {
      help: "longest time between a stream's tokens, even if it slows prompts; none: no limit",
      defaultText: "as short as the cost of prompt tokens allows",
    }),
    guesses: setting(`--guesses <${booleanValue}>`, boolean(), {
      help: "guess tokens where this makes answers faster; off: never",
      default: "on",
    }),
    prefixStoreBytes: setting("--prefix-store-size <size>", byteSize("0", "1024GiB"), {
      help: "memory for reusable KV caches of finished prompts; 0 stores none",
      default: "1GiB",
    }),
    prefixStoreDir: setting("--prefix-store-dir <folder>", text(1, 4_096), {
      help: "folder that keeps KV caches of finished prompts across restarts",
      defaultText: "a file system in memory, if there is one; deleted at exit",
    }),
  }),
};

export const fakeOptions = inGroup("Fake backend", {
  fakeStepDelayMs: setting("--fake-step-delay <ms>", duration("0ms", "1h", "ms"), {
    help: "duration of a step; a bare number is in milliseconds",
    hidden: true,
  }),
  fakeLoadDelayMs: setting("--fake-load-delay <ms>", duration("0ms", "1h", "ms"), {
    help: "simulated loading time; a bare number is in milliseconds",
    hidden: true,
  }),
  fakeFailLoad: setting("--fake-fail-load <message>", text(1, 1_024), {
    help: "message with which loading fails",
    hidden: true,
  }),
  fakeCrashAtStep: setting("--fake-crash-at-step <n>", integer(0, 1_000_000_000), {
    help: "step at which the engine crashes",
    hidden: true,
  }),
  fakeGate: setting("--fake-gate <socket>", text(1, 100), {
    help: "socket of a server that holds each load and step",
    hidden: true,
  }),
});
