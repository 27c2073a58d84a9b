// Runs the checks in order. If a check cannot read its facts, its finding says so, and the other checks still run.
import { readSettings } from "@waggle/worker";
import { defaultPort } from "@waggle/worker/well-known";
import type { Context } from "../command.ts";
import { adviseHere } from "../local/recommended.ts";
import { findOtherModels } from "../local/other-programs.ts";
import { checkContext, probeContext } from "./context.ts";
import { checkEngine, checkGpu } from "./engine.ts";
import { probeEngine, probeGpu } from "./engine-probe.ts";
import { checkDisk, checkFolder, checkModelFiles, checkSettings, checkTokenFile, checkToolRights } from "./files.ts";
import { probeDisk, probeFolder, probeModelFiles, probeTokenFile } from "./files-probe.ts";
import { warning, type Finding } from "./finding.ts";
import { checkClock, checkMemory, checkNode, checkProcessor, checkSharedMemory } from "./machine.ts";
import { probeMemory, probeProcessor, probeSharedMemory } from "./machine-probe.ts";
import { checkHive, checkPort } from "./network.ts";
import { probeDate, probeHive, probePort, type WantedPort } from "./network-probe.ts";
import { checkRecommended } from "./recommended.ts";
import { checkRunning, probeRunning } from "./running-worker.ts";
import { checkOtherModels } from "./other-models.ts";

type Found = Finding | readonly Finding[] | undefined;

interface Check {
  readonly name: string;
  readonly look: () => Promise<Found>;
}

/**
 * Yields each finding as soon as it is known.
 * @param onCheck called with the name of each check before it runs, since some checks take seconds
 */
export async function* examine(context: Context, onCheck: (what: string) => void): AsyncGenerator<Finding> {
  for (const { name, look } of checksOf(context)) {
    onCheck(name);
    context.signal.throwIfAborted();
    let found: Found;
    try {
      found = await look();
    } catch (error) {
      context.signal.throwIfAborted();
      found = warning(name, `cannot be checked: ${error instanceof Error ? error.message : String(error)}`);
    }
    yield* found === undefined ? [] : [found].flat();
  }
}

function checksOf(context: Context): readonly Check[] {
  const { config, signal } = context;
  const { env, modelsFolder, stateFolder } = config;
  let device: string | undefined;
  let binding: string | undefined;
  let hiveDateMs: number | undefined;
  return [
    { name: "Node", look: async () => checkNode(process.versions.node) },
    { name: "Processor", look: async () => checkProcessor(await probeProcessor(signal)) },
    { name: "Memory", look: async () => checkMemory(probeMemory()) },
    { name: "Shared memory", look: async () => checkSharedMemory(await probeSharedMemory()) },
    {
      name: "Engine",
      look: async () => {
        const facts = await probeEngine(context);
        ({ device, binding } = facts);
        return checkEngine(facts);
      },
    },
    { name: "GPU", look: async () => checkGpu(await probeGpu(device, signal)) },
    { name: "Folder of models", look: async () => checkFolder(await probeFolder(modelsFolder, "models")) },
    { name: "Folder of state", look: async () => checkFolder(await probeFolder(stateFolder, "state")) },
    { name: "Disk", look: async () => checkDisk(modelsFolder, await probeDisk(modelsFolder)) },
    { name: "Models", look: async () => checkModelFiles(await probeModelFiles(config, signal)) },
    { name: "Other programs", look: async () => checkOtherModels(await findOtherModels(config, signal)) },
    { name: "Recommended", look: async () => checkRecommended(await adviseHere(context)) },
    { name: "Context", look: async () => checkContext(await probeContext(config, signal, binding)) },
    { name: "Settings", look: async () => await checkEnvironment(context) },
    { name: "Token file", look: async () => checkTokenFile(await probeTokenFile(env["WAGGLE_API_TOKEN_FILE"])) },
    ...wantedPorts(context).map((wanted) => ({
      name: `Port ${wanted.port}`,
      look: async () => checkPort(await probePort(wanted, signal)),
    })),
    { name: "Running worker", look: async () => checkRunning(await probeRunning(context)) },
    {
      name: "Hive",
      look: async () => {
        const { hive, dateMs } = await probeHive(env["WAGGLE_HIVE_URL"], signal);
        hiveDateMs = dateMs;
        return checkHive(hive);
      },
    },
    {
      name: "Clock",
      async look() {
        const dates = [
          { whose: "the hive's", otherMs: hiveDateMs },
          { whose: "the worker's", otherMs: await probeDate(config.url, signal) },
        ];
        return checkClock({ nowMs: Date.now(), ...dates.find(({ otherMs }) => otherMs !== undefined) });
      },
    },
  ];
}

async function checkEnvironment({ config: { env } }: Context): Promise<readonly Finding[]> {
  const result = await readSettings([], env);
  const given = Object.entries(env).filter(([name, value]) => name.startsWith("WAGGLE_") && value !== "").length;
  if (result.kind !== "run") return [checkSettings(result.problems?.join(" "), given)];
  return [checkSettings(undefined, given), checkToolRights(result.config) ?? []].flat();
}

function wantedPorts({ config: { env } }: Context): readonly WantedPort[] {
  return [
    { port: Number(env["WAGGLE_PORT"] || defaultPort), wantedBy: "the worker", flag: "waggle serve --port" },
    { port: Number(env["WAGGLE_OLLAMA_PORT"] || "11434"), wantedBy: "--ollama", flag: "--ollama-port" },
    { port: 7700, wantedBy: "the hive", flag: "waggle-hive --port" },
  ].filter(({ port }) => port > 0 && port < 65_536);
}
