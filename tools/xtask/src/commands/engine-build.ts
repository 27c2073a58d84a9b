// Owns the command engine:build: its options, what it prints and its exit code.
import { guarded, showProgress, type CommandEnding, type ProcessGroups } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { buildEngine, removeEngineBuild, type EngineBuild } from "../lib/build/build-engine.ts";
import { ToolchainError } from "../lib/build/toolchain.ts";

interface Flags {
  readonly force?: true;
  readonly remove?: true;
}

/** EX_UNAVAILABLE of sysexits.h: the machine lacks a required tool. */
const unavailableCode = 69;

export function addEngineBuild(command: Program): void {
  command
    .option("--force", "compile even if a build exists")
    .option("--remove", "use the prebuilt engine again; the next engine:build restores the kept build")
    .action(engineBuild);
}

async function engineBuild(flags: Flags): Promise<void> {
  if (flags.remove) {
    removeEngineBuild();
    process.stdout.write("Workers use the prebuilt engine after their next start.\n");
    return;
  }
  const codeOf = (error: unknown): number => (error instanceof ToolchainError ? unavailableCode : 1);
  const build = async (groups: ProcessGroups, { signal }: CommandEnding): Promise<void> => {
    const built = await buildEngine({
      force: flags.force === true,
      groups,
      onUnusable: ({ message }) => process.stderr.write(`${message}. Removed this build.\n`),
      onCompiling: () => process.stderr.write("Compiling llama.cpp. This takes three minutes on two idle cores.\n"),
      onProgress: (share) => showProgress(`${(share * 100).toFixed(0)} % of llama.cpp is compiled`),
      signal,
    }).finally(() => showProgress(""));
    process.stdout.write(sentence(built));
  };
  await guarded("engine:build", build, codeOf);
}

function sentence({ how, release, openMp }: EngineBuild): string {
  const what = `llama.cpp ${release} ${openMp ? "with" : "without"} OpenMP`;
  const news = { found: "is already installed", restored: "was restored from an earlier build", built: "is built" }[
    how
  ];
  const hint = openMp ? "" : "Without OpenMP, this build is no faster than the prebuilt engine with several threads.\n";
  return `${what} ${news}. Workers use it after their next start; /v1/info then has engine_build: source.\n${hint}`;
}
