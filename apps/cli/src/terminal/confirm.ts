// Asks yes-or-no questions, such as before a deletion or a download.
import { createInterface } from "node:readline";
import { CliError, wrongUse } from "../cli-error.ts";
import type { Context } from "../command.ts";

/** What a question needs of a command. */
export type Asker = Pick<Context, "stdin" | "err" | "signal">;

/**
 * @param refused the sentence after a no, such as "Nothing was deleted."
 * @throws CliError when the answer is no, or stdin is not a terminal
 */
export async function confirm(context: Asker, yes: boolean, question: string, refused: string): Promise<void> {
  if (yes) return;
  if (!context.stdin.isTTY) {
    throw wrongUse(`Cannot ask "${question}" without a terminal. Add --yes to confirm.`);
  }
  if (!(await ask(context, question))) throw new CliError(refused);
}

/**
 * Whether the answer is yes. The end of the input (Ctrl-D) is a no.
 * @param enterMeansYes whether an empty line is a yes
 * @throws the signal's reason when it aborts
 */
export async function ask(context: Asker, question: string, enterMeansYes = false): Promise<boolean> {
  context.err.write(`${question} ${enterMeansYes ? "[Y/n]" : "[y/N]"} `);
  const answer = await readLine(context);
  if (answer === undefined) context.err.write("\n");
  return answer !== undefined && (answer.trim() === "" ? enterMeansYes : /^y(es)?$/i.test(answer.trim()));
}

/** Returns undefined at the end of the input. @throws the signal's reason when it aborts */
async function readLine({ stdin, signal }: Asker): Promise<string | undefined> {
  const lines = createInterface({ input: stdin, signal });
  for await (const line of lines) return line;
  signal.throwIfAborted();
  return undefined;
}
