// Owns the moving of finished builds: from where they were made to where they are kept, and from there to where the library looks.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildParts, isBuilt } from "./engine-package.ts";

/**
 * Gives the one finished build beside `to` its name. The library adds a hash of cmake's options to the name, and looks for it only when it
 * is started with the same ones.
 * @throws Error when there is none
 */
export function nameBuild(to: string): void {
  const folder = dirname(to);
  const built = (existsSync(folder) ? readdirSync(folder) : []).find((name) => isBuilt(join(folder, name)));
  if (built === undefined) throw new Error(`Cannot find the engine's build: there is none in ${folder}`);
  renameSync(join(folder, built), to);
}

/** Copies a build. At `to` there is the old one or the whole new one, never a part. */
export function placeBuild(from: string, to: string): void {
  const incoming = `${to}.incoming-${process.pid}`;
  const outgoing = `${to}.outgoing-${process.pid}`;
  mkdirSync(dirname(to), { recursive: true });
  try {
    for (const part of buildParts) {
      cpSync(join(from, part), join(incoming, part), { recursive: true, verbatimSymlinks: true });
    }
    // A running engine keeps the files that it has loaded.
    if (existsSync(to)) renameSync(to, outgoing);
    renameSync(incoming, to);
  } catch (error) {
    rmSync(incoming, { recursive: true, force: true });
    throw new Error(`Cannot put the engine's build into ${to}: ${(error as Error).message}`, { cause: error });
  }
  rmSync(outgoing, { recursive: true, force: true });
}

export function removeBuild(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
