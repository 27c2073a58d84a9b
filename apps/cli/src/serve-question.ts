// Asks about the models of `waggle serve` before the worker starts, as the other commands do.
import { homedir } from "node:os";
import { createOutput } from "@waggle/daemon/terminal";
import { exitCodes } from "./cli-error.ts";
import { readConfig } from "./config.ts";
import { offerDownloads } from "./local/offer-download.ts";

/** @returns the words with which to start the worker */
export async function questionedWords(
  process: NodeJS.Process,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  // The worker's handlers of signals begin after the question.
  const leave = (): never => process.exit(exitCodes.interrupted);
  for (const signal of ["SIGINT", "SIGHUP"]) process.once(signal, leave);
  try {
    const { stdin, stdout, stderr } = process;
    const [out, err] = [createOutput(stdout, false), createOutput(stderr, false)];
    const config = readConfig({ env, homeFolder: homedir(), entry: { path: "", execArgv: [] } });
    return await offerDownloads({ config, stdin, out, err, signal: new AbortController().signal }, words);
  } finally {
    for (const signal of ["SIGINT", "SIGHUP"]) process.off(signal, leave);
  }
}
