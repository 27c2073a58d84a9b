// Owns how the files of settings, tokens and templates are read.
import { readText } from "@waggle/async";

/** Larger than any setting; each setting has a smaller limit. */
const maxBytes = 4_194_304;

/** @throws Error as node:fs does; at once for anything but a regular file */
export function readSettingText(path: string | URL): string {
  return readText(path, { maxBytes });
}
