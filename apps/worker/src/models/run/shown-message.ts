// Shortens paths in error messages to file names, for clients that must not learn this machine's folders. The log has the whole messages.
import { homedir } from "node:os";
import { dirname, resolve, sep } from "node:path";

/** Folders of absolute paths on Unix or Windows. Paths in URLs do not match, since a host or a slash comes before them. */
const absoluteFolders = /(?<![\w:/.~-])(?:[A-Za-z]:\\|\/)(?:[^\s:'"/\\]+[/\\])*/g;

/** @param known folders to remove even if their names contain spaces */
export function withoutFolders(message: string, known: readonly string[]): string {
  const folders = [...known, homedir()].map((folder) => resolve(folder)).filter((folder) => folder !== dirname(folder));
  // Longest first, because one folder may contain another.
  const ordered = folders.toSorted((a, b) => b.length - a.length);
  const shorter = ordered.reduce((text, folder) => text.replaceAll(`${folder}${sep}`, ""), message);
  return shorter.replace(absoluteFolders, "");
}
