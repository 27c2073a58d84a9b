// Lists the commands of xtask, one row each. The help is made from these rows.
import type { CommandTable } from "@waggle/testing/harness";

export const commandTable: CommandTable = {
  name: "xtask",
  what: "Runs, checks and packs this repository.",
  commands: {
    "worker:test": {
      what: "start a hive and a worker, stream one answer, check the stream and a clean shutdown",
      load: async () => (await import("./commands/worker-test.ts")).addWorkerTest,
    },
    check: {
      what: "check types, lint, import arrows, format, unused code, house rules, generated documents; or a part",
      load: async () => (await import("./commands/check.ts")).addCheck,
      parts: {
        docs: {
          what: "run the commands in README.md (in a new clone) and in the quickstarts (in empty folders)",
          load: async () => (await import("./commands/check-docs.ts")).addCheckDocs,
        },
        package: {
          what: "pack, install offline on an empty machine, get an answer, uninstall, look for leftovers",
          load: async () => (await import("./commands/pack.ts")).addCheckPackage,
        },
      },
    },
    "tests:steady": {
      what: "run the tests several times on a busy machine with random pauses, and list each test that was ever red",
      load: async () => (await import("@waggle/testing/steady")).addTestsSteady,
    },
    docs: {
      what: "write docs/wire.txt and the generated tables of docs/",
      load: async () => (await import("./commands/docs.ts")).addDocs,
    },
    pack: {
      what: "make a tarball for npm install -g; needs a build",
      load: async () => (await import("./commands/pack.ts")).addPack,
    },
    "engine:build": {
      what: "compile our addons, or all of llama.cpp with --full; offline",
      load: async () => (await import("./commands/engine-build.ts")).addEngineBuild,
    },
    model: {
      what: "write a model for tests: random weights, or a small model with scripted answers",
      parts: {
        synth: {
          what: "write a model with random weights in the shape of a real one, for measurements without a download",
          load: async () => (await import("./commands/model.ts")).addModelSynth,
        },
        script: {
          what: "write a model that gives the answers of --say, in the format of a model family",
          load: async () => (await import("./commands/model.ts")).addModelScript,
        },
      },
    },
  },
};
