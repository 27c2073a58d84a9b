// Owns what of an error's message a client reads that need not know this machine: paths without their folders. The log has the whole.
import { homedir } from "node:os";
import { dirname, resolve, sep } from "node:path";

/** Of Unix or Windows; a URL's path has a host or a slash before it. */
const absoluteFolders = /(?<![\w:/.~-])(?:[A-Za-z]:\\|\/)(?:[^\s:'"/\\]+[/\\])*/g;

/** @param known folders whose names may have spaces */
export function withoutFolders(message: string, known: readonly string[]): string {
  const folders = [...known, homedir()].map((folder) => resolve(folder)).filter((folder) => folder !== dirname(folder));
  // The longest first: one may lie in another.
  const ordered = folders.toSorted((a, b) => b.length - a.length);
  const shorter = ordered.reduce((text, folder) => text.replaceAll(`${folder}${sep}`, ""), message);
  return shorter.replace(absoluteFolders, "");
}
