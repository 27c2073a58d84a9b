// Reads the token that the worker sends to its hive: from a variable or a file, never from a flag.
import { TokenFileError, parseToken } from "@waggle/daemon/tokens";
import { errorReason } from "@waggle/daemon/terminal";
import type { WorkerMachine } from "./machine.ts";

export const hiveTokenVariable = "WAGGLE_HIVE_TOKEN";

/**
 * The token, or undefined when none is configured. The file contains only the token.
 * @throws TokenFileError with a sentence that names the variable or the file and does not contain the token
 */
export function hiveToken(
  sources: { readonly variable: string | undefined; readonly path: string | undefined },
  { readText }: Pick<WorkerMachine, "readText">,
): string | undefined {
  const { variable, path } = sources;
  if (variable !== undefined && path !== undefined) {
    throw new TokenFileError([`Cannot use --hive-token-file with ${hiveTokenVariable}: only one of them can apply.`]);
  }
  const source = path === undefined ? `the variable ${hiveTokenVariable}` : `--hive-token-file ${path}`;
  try {
    const text = path === undefined ? variable : readText(path);
    return text === undefined ? undefined : parseToken(text.trim()).token;
  } catch (error) {
    throw new TokenFileError([`Cannot use ${source}: ${errorReason(error)}.`]);
  }
}
