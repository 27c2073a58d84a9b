// Asks about the models of `waggle serve` before the worker starts, as the other commands do.
import { createOutput } from "@waggle/daemon/terminal";
import { exitCodes } from "./cli-error.ts";
import { offerDownloads } from "./local/offer-download.ts";

/** @returns the words with which to start the worker */
export async function questionedWords(
  process: NodeJS.Process,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  // The worker's handlers of signals begin after the question.
  const leave = (): never => process.exit(exitCodes.interrupted);
  process.once("SIGINT", leave);
  try {
    const { stdin, stdout, stderr } = process;
    const [out, err] = [createOutput(stdout, false), createOutput(stderr, false)];
    return await offerDownloads({ stdin, out, err, signal: new AbortController().signal }, words, env);
  } finally {
    process.off("SIGINT", leave);
  }
}
