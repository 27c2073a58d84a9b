// Owns a command as a process: an interrupt becomes the reason with which all is given up, the command's outcome an exit code.
import { onAbort } from "@waggle/async";
import { InterruptedError, exitCodes } from "./cli-error.ts";
import { runCommandLine } from "./command-line.ts";
import { readConfig, type ProcessFacts } from "./config.ts";
import { createOutput } from "@waggle/terminal";

/** Everything is over by then; whatever still holds the event loop is a defect, and must not hold the process. */
const lastResortMs = 1_000;

export async function runProcess(
  process: NodeJS.Process,
  {
    argv,
    interrupted,
    ...facts
  }: ProcessFacts & { readonly argv: readonly string[]; readonly interrupted: AbortSignal },
): Promise<void> {
  const config = readConfig(facts);
  const interrupt = new AbortController();
  onAbort(interrupted, () => interrupt.abort(new InterruptedError()));
  // Whoever read our output has gone (`waggle list | head`); there is nobody left to work for.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(exitCodes.failed));
  process.exitCode = await runCommandLine(argv, {
    config,
    stdin: process.stdin,
    out: createOutput(process.stdout, config.colors),
    err: createOutput(process.stderr, config.colors),
    signal: interrupt.signal,
  });
  setTimeout(() => process.exit(), lastResortMs).unref();
}
