// Runs the checks in order: mistakes that `waggle serve` does not report, and its settings. If a check cannot read its facts, its finding says so, and the
// other checks still run.
import { readSettings } from "@waggle/worker";
import type { Context } from "../command.ts";
import { checkEngine, checkGpu } from "./engine.ts";
import { probeEngine, probeGpu } from "./engine-probe.ts";
import { checkDisk, checkFolder, checkTokenFile, checkToolRights, refused } from "./files.ts";
import { probeDisk, probeFolder, probeTokenFile } from "./files-probe.ts";
import { warning, type Finding } from "./finding.ts";
import { checkNode, checkProcessor, checkSharedMemory } from "./machine.ts";
import { probeProcessor, probeSharedMemory } from "./machine-probe.ts";

interface Check {
  readonly name: string;
  readonly look: () => Promise<Finding | undefined>;
}

/**
 * Yields each finding as soon as it is known.
 * @param onCheck called with the name of each check before it runs, since some checks take seconds
 */
export async function* examine(context: Context, onCheck: (what: string) => void): AsyncGenerator<Finding> {
  for (const { name, look } of checksOf(context)) {
    onCheck(name);
    context.signal.throwIfAborted();
    let found: Finding | undefined;
    try {
      found = await look();
    } catch (error) {
      context.signal.throwIfAborted();
      found = warning(name, `cannot be checked: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (found !== undefined) yield found;
  }
}

function checksOf(context: Context): readonly Check[] {
  const { config, signal } = context;
  const { env, modelsFolder, stateFolder } = config;
  let device: string | undefined;
  return [
    { name: "Node", look: async () => checkNode(process.versions.node) },
    { name: "Processor", look: async () => checkProcessor(await probeProcessor(signal)) },
    { name: "Shared memory", look: async () => checkSharedMemory(await probeSharedMemory()) },
    {
      name: "Engine",
      look: async () => {
        const facts = await probeEngine(context);
        ({ device } = facts);
        return checkEngine(facts);
      },
    },
    { name: "GPU", look: async () => checkGpu(await probeGpu(device, signal)) },
    { name: "Folder of models", look: async () => checkFolder(await probeFolder(modelsFolder, "models")) },
    { name: "Folder of state", look: async () => checkFolder(await probeFolder(stateFolder, "state")) },
    { name: "Disk", look: async () => checkDisk(modelsFolder, await probeDisk(modelsFolder)) },
    { name: "Token file", look: async () => checkTokenFile(await probeTokenFile(env["WAGGLE_API_TOKEN_FILE"])) },
    {
      name: "Settings",
      async look() {
        const settings = await readSettings([], env);
        return settings.kind === "run" ? checkToolRights(settings.config) : refused(settings.problems?.join(" ") ?? "");
      },
    },
  ];
}
