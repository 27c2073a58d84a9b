// Owns which commands xtask has, and where each is: a command that runs loads its own modules alone, so that its first word comes early.
import type { Command } from "commander";

type Add = (program: Command) => void;

const loaders: Readonly<Record<string, () => Promise<Add>>> = {
  "worker:test": async () => (await import("./commands/worker-test.ts")).addWorkerTest,
  "worker:chaos": async () => (await import("./commands/worker-chaos.ts")).addWorkerChaos,
  "worker:hostile": async () => (await import("./commands/worker-hostile.ts")).addWorkerHostile,
  "worker:bench": async () => (await import("./commands/worker-bench.ts")).addWorkerBench,
  dev: async () => (await import("./commands/fleet.ts")).addDev,
  fleet: async () => (await import("./commands/fleet.ts")).addFleet,
  ports: async () => (await import("./commands/ports.ts")).addPorts,
  "models:synth": async () => (await import("./commands/models-synth.ts")).addModelsSynth,
  "models:script": async () => (await import("./commands/models-script.ts")).addModelsScript,
  "models:soak": async () => (await import("./commands/models-soak.ts")).addModelsSoak,
  "calls:check": async () => (await import("./commands/calls-check.ts")).addCallsCheck,
  "clients:check": async () => (await import("./commands/clients-check.ts")).addClientsCheck,
  "formats:check": async () => (await import("./commands/formats-check.ts")).addFormatsCheck,
  "llama-server:compare": async () => (await import("./commands/llama-server-compare.ts")).addLlamaServerCompare,
  "engine:build": async () => (await import("./commands/engine-build.ts")).addEngineBuild,
  "schemas:bench": async () => (await import("./commands/schemas-bench.ts")).addSchemasBench,
  "fit:check": async () => (await import("./commands/fit-check.ts")).addFitCheck,
  "fleet:bench": async () => (await import("./commands/fleet-bench.ts")).addFleetBench,
  "chat:picture": async () => (await import("./commands/chat-picture.ts")).addChatPicture,
  // pack:check is added with it.
  pack: async () => (await import("./commands/pack.ts")).addPack,
  check: async () => (await import("./commands/check.ts")).addCheck,
  docs: async () => (await import("./commands/docs.ts")).addDocs,
  "docs:check": async () => (await import("./commands/docs-check.ts")).addDocsCheck,
};

/** Undefined where there is no such command, or it stands with others: then all are needed. */
export async function loadOne(name: string): Promise<readonly Add[] | undefined> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  return load === undefined ? undefined : [await load()];
}

/** For the list of commands, and to say what there is. */
export async function loadAll(): Promise<readonly Add[]> {
  return await Promise.all(Object.values(loaders).map((load) => load()));
}
