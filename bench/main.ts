// Owns the entry of the benchmarks: a row for each, from which the help is made.
//   npx --yes pnpm@12.21.0 bench <name> [options]
import { runCommandLine } from "@waggle/testing/harness";

await runCommandLine({
  name: "bench",
  what: "Measures this repository: each benchmark plays its sides in turn, round by round, and shows medians.",
  commands: {
    worker: {
      what: "throughput and latency of a worker under load, alone or in alternation with another server",
      load: async () => (await import("./worker.ts")).addWorker,
    },
    fleet: {
      what: "a fleet compared with a single worker: latency, speed, more workers, idle messages, waiting jobs",
      load: async () => (await import("./fleet.ts")).addFleet,
    },
    steps: {
      what: "what a step costs in addition to its pass: the gap between passes, tokens per second, first token",
      load: async () => (await import("./steps.ts")).addSteps,
    },
    javascript: {
      what: "what JavaScript a token costs on its way out: CPU, instructions, bytes and writes of both processes",
      load: async () => (await import("./javascript.ts")).addJavascript,
    },
    sse: {
      what: "what a token costs the daemon, compared with a bare node:http server that writes the same bytes",
      load: async () => (await import("./sse.ts")).addSse,
    },
    reader: {
      what: "what reading an answer's text in its parts costs the engine for each token",
      load: async () => (await import("./reader.ts")).addReader,
    },
    pages: {
      what: "what a long answer costs the chat page's main thread",
      load: async () => (await import("./pages.ts")).addPages,
    },
    schemas: {
      what: "JSON schemas of a corpus: compile times, and grammars against instances known to be valid or not",
      load: async () => (await import("./schemas.ts")).addSchemas,
    },
    fit: {
      what: "estimates of a model's memory compared with llama.cpp's buffers and the process; takes minutes and 3 GB",
      load: async () => (await import("./fit.ts")).addFit,
    },
  },
});
