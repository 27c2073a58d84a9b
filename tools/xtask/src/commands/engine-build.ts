// Owns the command engine:build: its options, what it prints and its exit code.
import { guarded, showProgress, type CommandEnding, type ProcessGroups } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { addonNames, addonPath, type AddonName } from "../lib/build/addon-file.ts";
import { buildAddon, removeAddons, type AddonBuild } from "../lib/build/build-addon.ts";
import { buildEngine, removeEngineBuild, type EngineBuild } from "../lib/build/build-engine.ts";
import { ToolchainError } from "../lib/build/toolchain.ts";

interface Flags {
  readonly full?: true;
  readonly force?: true;
  readonly portable?: true;
  readonly remove?: true;
}

/** EX_UNAVAILABLE of sysexits.h: the machine lacks a required tool. */
const unavailableCode = 69;

export function addEngineBuild(command: Program): void {
  command
    .option("--full", "also compile all of llama.cpp for this machine, with OpenMP; takes minutes")
    .option("--force", "compile even if a build exists")
    .option("--portable", "fail if an addon needs a newer system than the library does")
    .option("--remove", "remove the addons; with --full, use the prebuilt engine again")
    .action(engineBuild);
}

async function engineBuild(flags: Flags): Promise<void> {
  if (flags.remove) {
    if (flags.full) removeEngineBuild();
    else removeAddons();
    const used = flags.full ? "the prebuilt engine" : "node-llama-cpp's own binding";
    process.stdout.write(`Workers use ${used} after their next start.\n`);
    return;
  }
  const buildExitCode = (error: unknown): number => (error instanceof ToolchainError ? unavailableCode : 1);
  const build = async (groups: ProcessGroups, { signal }: CommandEnding): Promise<void> => {
    const { full = false, force = false, portable = false } = flags;
    for (const name of addonNames) {
      process.stdout.write(addonReport(name, await buildAddon({ name, force, portable, signal })));
    }
    if (!full) return;
    const built = await buildEngine({
      force,
      addonPath: addonPath("waggle-llama"),
      groups,
      onUnusable: ({ message }) => process.stderr.write(`${message}. Removed this build.\n`),
      onCompiling: () => process.stderr.write("Compiling llama.cpp. This takes three minutes on two idle cores.\n"),
      onProgress: (share) => showProgress(`${(share * 100).toFixed(0)} % of llama.cpp is compiled`),
      signal,
    }).finally(() => showProgress(""));
    process.stdout.write(engineReport(built));
  };
  await guarded("engine:build", build, buildExitCode);
}

const addonUses: Readonly<Record<AddonName, string>> = {
  "waggle-llama": "Workers use it after their next start; /v1/info then has engine_binding: addon.",
  "waggle-mtmd": "Workers with a projector read pictures with it after their next start.",
};

function addonReport(name: AddonName, { how, libraryVersion, newerNeeds }: AddonBuild): string {
  const what = `${name} for node-llama-cpp ${libraryVersion} ${how === "found" ? "is already built" : "is built"}.`;
  const needs = newerNeeds.join(", ");
  const warning = needs === "" ? "" : `It runs only on systems as new as this one. It needs ${needs}.\n`;
  return `${what} ${addonUses[name]}\n${warning}`;
}

function engineReport({ how, release, openMp }: EngineBuild): string {
  const what = `llama.cpp ${release} ${openMp ? "with" : "without"} OpenMP`;
  const news = { found: "is already installed", restored: "was restored from an earlier build", built: "is built" }[
    how
  ];
  const hint = openMp ? "" : "Without OpenMP, this build is no faster than the prebuilt engine with several threads.\n";
  return `${what} ${news}. Workers use it after their next start; /v1/info then has engine_build: source.\n${hint}`;
}
