// Owns the settings of the model and the engine, and the hidden ones that make the fake backend misbehave in tests.
import { BackendNameSchema } from "@waggle/protocol";
import type { OptionRows } from "@waggle/daemon";
import { byteSize, duration, integer, oneOf, text } from "@waggle/daemon";

const devices = ["auto", "cpu", "cuda", "vulkan", "metal"] as const;

export const engineOptions = {
  chatTemplate: {
    flag: "chat-template",
    value: "file",
    group: "Model",
    help: "file with the chat template to use, or chatml, or generic, instead of the model's own",
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
    help: `what computes: ${devices.join(", ")}`,
    schema: oneOf(devices),
    default: "auto",
  },
  gpuFolder: {
    flag: "gpu-dir",
    value: "folder",
    group: "Engine",
    help: "where the engine looks for packages for a GPU, besides its own",
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
    help: "threads of a forward pass, 1 to 512; a given number is kept",
    schema: integer(1, 512),
    defaultText: "one core left free at first, then what real steps of each size show",
  },
  prefillBudget: {
    flag: "prefill-budget",
    value: "tokens",
    group: "Engine",
    help: "prompt tokens per step while others decode; four times as many, 64 at least, while nobody does",
    schema: integer(1, 8_192),
    defaultText: "what makes a step take four usual ones at most, from the times of real steps",
  },
  prefixStoreBytes: {
    flag: "prefix-store-size",
    value: "size",
    group: "Engine",
    help: "prompts and conversations kept beside the slots, to come back without computing; 0 keeps none",
    schema: byteSize("0", "1024GiB"),
    default: "1GiB",
  },
  prefixStoreDir: {
    flag: "prefix-store-dir",
    value: "folder",
    group: "Engine",
    help: "where they are kept, from one worker to the next",
    schema: text(1, 4_096),
    defaultText: "a file system in memory where there is one, until the worker leaves",
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
