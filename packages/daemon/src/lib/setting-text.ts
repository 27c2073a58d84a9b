// Owns how a file that a setting names is read: settings, tokens, templates.
import { readText } from "@waggle/async";

/** More than any setting takes; each has a limit of its own below it. */
const maxBytes = 4_194_304;

/** @throws Error as node:fs does; at once where it is no regular file */
export function readSettingText(path: string | URL): string {
  return readText(path, { maxBytes });
}
