// Asks for a confirmation before a deletion or a download.
import { createInterface } from "node:readline";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";

/**
 * @param refused the sentence after a no, such as "Nothing was deleted."
 * @throws CliError when the answer is no, or stdin is not a terminal
 */
export async function confirm(context: Context, yes: boolean, question: string, refused: string): Promise<void> {
  if (yes) return;
  if (!context.stdin.isTTY) {
    throw new CliError(`Cannot ask "${question}" without a terminal. Add --yes to confirm.`, exitCodes.wrongUse);
  }
  context.err.write(`${question} [y/N] `);
  const answer = await readLine(context);
  if (answer === undefined) context.err.write("\n");
  if (!/^y(es)?$/i.test(answer?.trim() ?? "")) throw new CliError(refused);
}

/** Returns undefined at the end of the input (Ctrl-D). @throws the signal's reason when it aborts */
async function readLine({ stdin, signal }: Context): Promise<string | undefined> {
  const lines = createInterface({ input: stdin, signal });
  for await (const line of lines) return line;
  signal.throwIfAborted();
  return undefined;
}
