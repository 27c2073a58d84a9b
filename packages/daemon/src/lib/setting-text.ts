// Owns how a file that a setting names is read: settings, tokens, templates.
import { readText } from "@waggle/async";

/** Larger than any setting; each setting has a smaller limit. */
const maxBytes = 4_194_304;

/** @throws Error as node:fs does; at once where it is no regular file */
export function readSettingText(path: string | URL): string {
  return readText(path, { maxBytes });
}
