// Finds the programs of this machine.
import { existsSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";

/**
 * The folders to search for programs: PATH, and the `sbin` next to each of its `bin`. Debian installs nats-server in /usr/sbin, which only
 * root has in PATH.
 */
export function programFolders(path: string = process.env["PATH"] ?? ""): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const systemFolders = folders
    .filter((folder) => basename(folder) === "bin")
    .map((folder) => join(dirname(folder), "sbin"));
  return [...new Set([...folders, ...systemFolders])];
}

export function hasProgram(name: string): boolean {
  return programFolders().some((folder) => existsSync(join(folder, name)));
}
