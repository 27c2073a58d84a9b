// Owns the command engine:build: its options, what it prints and its exit code.
import { createProcessGroups } from "@waggle/harness";
import type { Command as Program } from "commander";
import { buildEngine, removeEngineBuild, type EngineBuild } from "../lib/build/build-engine.ts";
import { ToolchainError } from "../lib/build/toolchain.ts";
import { createProgressLine } from "../lib/progress-line.ts";
import { onEnding } from "../lib/signals.ts";

interface Flags {
  readonly force?: true;
  readonly remove?: true;
}

/** Something that the machine should have is missing, as in sysexits.h. */
const unavailableCode = 69;

export function addEngineBuild(program: Program): void {
  program
    .command("engine:build")
    .description(
      "compile the engine for this very machine from the source in its package, with OpenMP; offline, a few minutes",
    )
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
  const groups = createProcessGroups("xtask");
  const ending = onEnding(() => groups.killAll());
  const progress = createProgressLine(process.stderr);
  try {
    const build = await buildEngine({
      force: flags.force === true,
      groups,
      onUnusable: ({ message }) => process.stderr.write(`${message}. That build is removed.\n`),
      onCompiling: () => process.stderr.write("Compiling llama.cpp, which takes three minutes on two idle cores.\n"),
      onProgress: (share) => progress.show(share, "compiling llama.cpp"),
      signal: ending.signal,
    });
    progress.clear();
    process.stdout.write(sentence(build));
  } catch (error) {
    progress.clear();
    process.stderr.write(`engine:build: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = ending.exitCode ?? (error instanceof ToolchainError ? unavailableCode : 1);
  } finally {
    progress.clear();
    groups.killAll();
    ending.dispose();
  }
}

function sentence({ how, release, openMp }: EngineBuild): string {
  const what = `llama.cpp ${release} ${openMp ? "with" : "without"} OpenMP`;
  const news = { found: "is there already", restored: "was restored from an earlier build", built: "is built" }[how];
  const hint = openMp ? "" : "Without OpenMP it is no faster than the prebuilt one with several threads.\n";
  return `${what} ${news}. Workers use it from their next start on; /v1/info says engine_build: source.\n${hint}`;
}
