// Owns how the files of settings, tokens and templates are read.
import { readText } from "@waggle/async";

/** Limit for all files, above the limit of each kind of file. */
const maxBytes = 4_194_304;

/** Reads a file. @throws Error as node:fs does; a path that is not a regular file fails at once */
export function readSettingText(path: string | URL): string {
  return readText(path, { maxBytes });
}
