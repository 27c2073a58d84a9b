// Owns where the token for Hugging Face is found: the variable, else what Hugging Face's own tools have left in the home folder.
import { join } from "node:path";
import type { Machine } from "./machine.ts";

/** The token, if there is one. */
export function huggingFaceToken(
  variable: (name: string) => string | undefined,
  { homeFolder, readText }: Pick<Machine, "homeFolder" | "readText">,
): string | undefined {
  const given = variable("HF_TOKEN");
  if (given !== undefined) return given;
  const cache = variable("XDG_CACHE_HOME") ?? join(homeFolder, ".cache");
  const path = variable("HF_TOKEN_PATH") ?? join(variable("HF_HOME") ?? join(cache, "huggingface"), "token");
  try {
    // Anything but one word could not be sent, and is no token.
    return /^\s*([\x21-\x7e]+)\s*$/.exec(readText(path))?.[1];
  } catch {
    return undefined;
  }
}
