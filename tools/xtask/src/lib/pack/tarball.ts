// Makes a tarball of a folder with npm, and measures the size of its parts.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Tarball {
  readonly path: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
  readonly sha256: string;
}

const packTimeoutMs = 120_000;

/**
 * @param suffix follows the version in the file's name
 * @throws Error with npm's message when npm fails
 */
export async function makeTarball(folder: string, outFolder: string, suffix?: string): Promise<Tarball> {
  mkdirSync(outFolder, { recursive: true });
  const flags = ["pack", "--json", "--ignore-scripts", "--pack-destination", outFolder];
  const shell = process.platform === "win32";
  const { stdout } = await promisify(execFile)("npm", flags, { cwd: folder, timeout: packTimeoutMs, shell });
  const [packed] = JSON.parse(stdout) as readonly {
    filename: string;
    size: number;
    unpackedSize: number;
    entryCount: number;
  }[];
  if (packed === undefined) throw new Error(`Cannot pack ${folder}: npm pack made no tarball`);
  const path = join(outFolder, packed.filename.replace(/\.tgz$/, suffix === undefined ? "$&" : `-${suffix}.tgz`));
  renameSync(join(outFolder, packed.filename), path);
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  return { path, bytes: packed.size, unpackedBytes: packed.unpackedSize, files: packed.entryCount, sha256 };
}

/** Size of a file or a whole folder in bytes; links are not followed. */
export function bytesIn(path: string): number {
  const entry = lstatSync(path);
  if (!entry.isDirectory()) return entry.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}
