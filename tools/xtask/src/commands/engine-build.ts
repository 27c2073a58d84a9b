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
    .option("--force", "compile even if there is a build already")
    .option("--remove", "go back to the prebuilt binary; the build is kept and comes back in a second")
    .action(engineBuild);
}

async function engineBuild(flags: Flags): Promise<void> {
  if (flags.remove) {
    removeEngineBuild();
    process.stdout.write("Workers use the prebuilt engine from their next start on.\n");
    return;
  }
  const codeOf = (error: unknown): number => (error instanceof ToolchainError ? unavailableCode : 1);
  const build = async (groups: ProcessGroups, { signal }: CommandEnding): Promise<void> => {
    const built = await buildEngine({
      force: flags.force === true,
      groups,
      onUnusable: ({ message }) => process.stderr.write(`${message}. That build is removed.\n`),
      onCompiling: () => process.stderr.write("Compiling llama.cpp, which takes three minutes on two idle cores.\n"),
      onProgress: (share) => showProgress(`${(share * 100).toFixed(0)} % of llama.cpp is compiled`),
      signal,
    }).finally(() => showProgress(""));
    process.stdout.write(sentence(built));
  };
  await guarded("engine:build", build, codeOf);
}

function sentence({ how, release, openMp }: EngineBuild): string {
  const what = `llama.cpp ${release} ${openMp ? "with" : "without"} OpenMP`;
  const news = { found: "is there already", restored: "was restored from an earlier build", built: "is built" }[how];
  const hint = openMp ? "" : "Without OpenMP it is no faster than the prebuilt one with several threads.\n";
  return `${what} ${news}. Workers use it from their next start on; /v1/info says engine_build: source.\n${hint}`;
}
