// Reads the token for Hugging Face: from HF_TOKEN, or else from the file in which Hugging Face's tools save it.
import { join } from "node:path";
import { TokenFileError } from "@waggle/daemon/tokens";
import type { WorkerMachine } from "./machine.ts";

/**
 * Undefined when no token is set or saved.
 * @throws TokenFileError with a sentence that names HF_TOKEN and does not contain its value
 */
export function huggingFaceToken(
  variable: (name: string) => string | undefined,
  { homeFolder, readText }: Pick<WorkerMachine, "homeFolder" | "readText">,
): string | undefined {
  const given = variable("HF_TOKEN");
  if (given !== undefined) {
    const token = tokenIn(given);
    if (token !== undefined) return token;
    throw new TokenFileError([
      "Cannot use the variable HF_TOKEN: a token has only visible ASCII characters, and no spaces.",
    ]);
  }
  const cache = variable("XDG_CACHE_HOME") ?? join(homeFolder, ".cache");
  const path = variable("HF_TOKEN_PATH") ?? join(variable("HF_HOME") ?? join(cache, "huggingface"), "token");
  try {
    return tokenIn(readText(path));
  } catch {
    return undefined;
  }
}

/** Undefined unless the text is one word of visible ASCII: an HTTP header cannot carry other tokens. */
function tokenIn(text: string): string | undefined {
  return /^\s*([\x21-\x7e]+)\s*$/.exec(text)?.[1];
}
