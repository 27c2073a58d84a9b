// Runs a command as a process: an interrupt becomes an abort reason, and the command's outcome becomes an exit code.
import { onAbort } from "@waggle/async";
import { InterruptedError, exitCodes } from "./cli-error.ts";
import type { Interrupts } from "./interrupt.ts";
import { runCommandLine } from "./command-line.ts";
import { readConfig, type ProcessFacts } from "./config.ts";
import { createOutput } from "@waggle/daemon/terminal";

/** The process exits at most this long after its command has ended. Work that still runs then is a defect. */
const lastResortMs = 1_000;

export async function runProcess(
  process: NodeJS.Process,
  { argv, interrupts, ...facts }: ProcessFacts & { readonly argv: readonly string[]; readonly interrupts: Interrupts },
): Promise<void> {
  const config = readConfig(facts);
  const interrupt = new AbortController();
  onAbort(interrupts.signal, () => interrupt.abort(new InterruptedError()));
  // If the reader of stdout closes the pipe (`waggle list | head`), no work is left, so the process exits.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(exitCodes.failed));
  process.exitCode = await runCommandLine(argv, {
    config,
    stdin: process.stdin,
    out: createOutput(process.stdout, config.colors),
    err: createOutput(process.stderr, config.colors),
    signal: interrupt.signal,
    passSignals: interrupts.passSignals,
  });
  setTimeout(() => process.exit(), lastResortMs).unref();
}
