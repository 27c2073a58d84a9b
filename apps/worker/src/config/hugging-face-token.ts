// Owns the source of the token for Hugging Face: the variable, else the file that Hugging Face's tools save in the home folder.
import { join } from "node:path";
import { TokenFileError } from "@waggle/daemon/tokens";
import type { WorkerMachine } from "./machine.ts";

/**
 * The token, if there is one.
 * @throws TokenFileError with a sentence that names the variable and never shows it
 */
export function huggingFaceToken(
  variable: (name: string) => string | undefined,
  { homeFolder, readText }: Pick<WorkerMachine, "homeFolder" | "readText">,
): string | undefined {
  const given = variable("HF_TOKEN");
  if (given !== undefined) {
    const token = tokenIn(given);
    if (token !== undefined) return token;
    throw new TokenFileError(
      "Cannot use the variable HF_TOKEN: a token has only visible ASCII characters, and no spaces.",
    );
  }
  const cache = variable("XDG_CACHE_HOME") ?? join(homeFolder, ".cache");
  const path = variable("HF_TOKEN_PATH") ?? join(variable("HF_HOME") ?? join(cache, "huggingface"), "token");
  try {
    return tokenIn(readText(path));
  } catch {
    return undefined;
  }
}

/** Undefined for anything but one word, which could not be sent. */
function tokenIn(text: string): string | undefined {
  return /^\s*([\x21-\x7e]+)\s*$/.exec(text)?.[1];
}
