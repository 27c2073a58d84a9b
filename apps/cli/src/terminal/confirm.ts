// Owns the question before something is deleted or downloaded.
import { createInterface } from "node:readline/promises";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";

/** @throws CliError when the answer is no, or nobody is there to ask */
export async function confirm(
  { stdin, signal }: Context,
  yes: boolean,
  question: string,
  refused = "Nothing was deleted.",
): Promise<void> {
  if (yes) return;
  if (!stdin.isTTY) throw new CliError(`${question} Nobody is there to ask: add --yes.`, exitCodes.wrongUse);
  const editor = createInterface({ input: stdin, output: process.stderr });
  try {
    const answer = await editor.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(refused);
  } finally {
    editor.close();
  }
}
