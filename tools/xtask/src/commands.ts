// Lists the commands of xtask, one row each. The help is made from these rows.
import type { CommandTable } from "@waggle/testing/harness";

export const commandTable: CommandTable = {
  name: "xtask",
  what: "Runs, checks and packs this repository.",
  commands: {
    "worker:test": {
      what: "start a hive and a worker, stream one answer, check that it was real, stop all, check that nothing is left",
      load: async () => (await import("./commands/worker-test.ts")).addWorkerTest,
    },
    dev: {
      what: "run a hive and workers in one terminal, on request with gateways; Ctrl-C ends all, a second one at once",
      load: async () => (await import("./commands/dev.ts")).addDev,
    },
    check: {
      what: "types, lint with the import arrows, format, unused code, tidiness, generated documents",
      load: async () => (await import("./commands/check.ts")).addCheck,
    },
    docs: {
      what: "write docs/openapi*.json and the generated tables of docs/",
      load: async () => (await import("./commands/docs.ts")).addDocs,
    },
    "docs:check": {
      what: "follow README.md and the quickstarts as they stand: README.md in a new clone, each quickstart in an empty folder",
      load: async () => (await import("./commands/docs-check.ts")).addDocsCheck,
    },
    "clients:check": {
      what: "install agents and tools from npm and run them, without a network, against a worker whose model is scripted",
      load: async () => (await import("./commands/clients-check.ts")).addClientsCheck,
    },
    pack: {
      what: "a tarball that npm install -g takes on a machine that never saw the repository; build first",
      load: async () => (await import("./commands/pack.ts")).addPack,
    },
    "pack:check": {
      what: "pack, install that on an empty machine without a network, have it answer, uninstall it, and look what is left",
      load: async () => (await import("./commands/pack.ts")).addPackCheck,
    },
    "engine:build": {
      what: "compile the engine for this very machine from the source in its package, with OpenMP; offline, a few minutes",
      load: async () => (await import("./commands/engine-build.ts")).addEngineBuild,
    },
    model: {
      what: "write a made-up model: random weights in the shape of a real one, or a small one that says what you tell it to",
      load: async () => (await import("./commands/model.ts")).addModel,
    },
  },
};
