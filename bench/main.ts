// Owns the entry point of the benchmarks: one row per benchmark, which is also its help text.
//   npx --yes pnpm@12.21.0 bench <name> [options]
import { runCommandLine } from "@waggle/testing/harness";

await runCommandLine({
  name: "bench",
  what: "Benchmarks of this repository. Compared sides alternate in every round; medians are shown.",
  commands: {
    worker: {
      what: "throughput and latency of a worker, alone or compared with another server",
      load: async () => (await import("./worker.ts")).addWorker,
    },
    fleet: {
      what: "a fleet compared with a worker: latency, speed, idle traffic",
      load: async () => (await import("./fleet.ts")).addFleet,
    },
    steps: {
      what: "gap between two forward passes, tokens per second, time to the first token",
      load: async () => (await import("./steps.ts")).addSteps,
    },
    load: {
      what: "time to load a model, compared with the worker of another checkout",
      load: async () => (await import("./load.ts")).addLoad,
    },
    decide: {
      what: "many questions in one request, in many requests, and a chat completion; gaps of other streams",
      load: async () => (await import("./decide.ts")).addDecide,
    },
    batch: {
      what: "a batch next to three chats, on an idle worker, and with one system prompt for all lines",
      load: async () => (await import("./batch.ts")).addBatch,
    },
    javascript: {
      what: "CPU, instructions, bytes and writes per token, in both processes of a worker",
      load: async () => (await import("./javascript.ts")).addJavascript,
    },
  },
});
