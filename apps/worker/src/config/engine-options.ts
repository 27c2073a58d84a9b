// Owns the settings of the model and the engine, and the hidden ones that make the fake backend misbehave in tests.
import { BackendNameSchema } from "@waggle/protocol";
import type { OptionRows } from "@waggle/daemon";
import { byteSize, duration, integer, oneOf, text } from "@waggle/daemon";

const devices = ["auto", "cpu", "cuda", "vulkan", "metal"] as const;

export const engineOptions = {
  chatTemplate: {
    flag: "chat-template",
    value: "template",
    group: "Model",
    help: "chat template instead of the model's own: a file, or a name as chatml or llama3",
    schema: text(1, 4_096),
    defaultText: "the GGUF's own; chatml or generic where it has none",
  },

  backend: {
    flag: "backend",
    value: "name",
    group: "Engine",
    help: "llama, or fake: canned words without a model, for tests",
    schema: oneOf(BackendNameSchema.options),
    default: "llama",
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
    help: "folder with packages for a GPU, in addition to the engine's own",
    schema: text(1, 4_096),
    defaultText: "$XDG_CACHE_HOME/waggle/gpu, or ~/.cache/waggle/gpu",
  },
  slots: {
    flag: "slots",
    value: "n",
    group: "Engine",
    help: "jobs that run side by side, 1 to 64",
    schema: integer(1, 64),
    default: "8",
  },
  contextSize: {
    flag: "context-size",
    value: "tokens",
    group: "Engine",
    help: "context of each slot",
    schema: integer(16, 16_777_216),
    defaultText: "the trained size, at most 8192, and less if memory is short",
  },
  threads: {
    flag: "threads",
    value: "n",
    group: "Engine",
    help: "threads for a forward pass, 1 to 512; a number that you give is never changed",
    schema: integer(1, 512),
    defaultText: "all cores but one at first, then what measurements show to be fastest",
  },
  prefillBudget: {
    flag: "prefill-budget",
    value: "tokens",
    group: "Engine",
    help: "prompt tokens per step while other answers are being generated; otherwise four times as many, at least 64",
    schema: integer(1, 8_192),
    defaultText: "as many as keep a step below four times its usual duration, as measured",
  },
  prefixStoreBytes: {
    flag: "prefix-store-size",
    value: "size",
    group: "Engine",
    help: "memory for prompts and conversations that may be continued, so that they need not be computed again; 0 keeps none",
    schema: byteSize("0", "1024GiB"),
    default: "1GiB",
  },
  prefixStoreDir: {
    flag: "prefix-store-dir",
    value: "folder",
    group: "Engine",
    help: "folder in which they are kept, also after a restart",
    schema: text(1, 4_096),
    defaultText: "a file system in memory if there is one, until the worker exits",
  },
} as const satisfies OptionRows;

export const fakeOptions = {
  fakeStepDelayMs: {
    flag: "fake-step-delay",
    value: "ms",
    group: "Fake backend",
    help: "how long a step takes; a bare number is in milliseconds",
    schema: duration("0ms", "1h", "ms"),
    hidden: true,
  },
  fakeLoadDelayMs: {
    flag: "fake-load-delay",
    value: "ms",
    group: "Fake backend",
    help: "how long loading takes; a bare number is in milliseconds",
    schema: duration("0ms", "1h", "ms"),
    hidden: true,
  },
  fakeFailLoad: {
    flag: "fake-fail-load",
    value: "message",
    group: "Fake backend",
    help: "loading fails with this message",
    schema: text(1, 1_024),
    hidden: true,
  },
  fakeCrashAtStep: {
    flag: "fake-crash-at-step",
    value: "n",
    group: "Fake backend",
    help: "the engine breaks at this step",
    schema: integer(0, 1_000_000_000),
    hidden: true,
  },
  fakeHangAtStep: {
    flag: "fake-hang-at-step",
    value: "n",
    group: "Fake backend",
    help: "the engine hangs at this step",
    schema: integer(0, 1_000_000_000),
    hidden: true,
  },
} as const satisfies OptionRows;
