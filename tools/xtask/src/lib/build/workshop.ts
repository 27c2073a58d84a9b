// Owns the copy of node-llama-cpp in which it is built. The installed package stays whole and usable meanwhile: a worker that finds the
// library's lock on a build waits for it, and a build that is cut off would leave rubbish where the library looks first.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { EnginePackage } from "./engine-package.ts";

export interface Workshop {
  /** The copy's folder. */
  readonly folder: string;
  /** Its command line, as Node's arguments. */
  readonly cli: string;
  dispose(): void;
}

/** What the package builds itself with, one of its dependencies. */
const builder = "cmake-js";

/** @param parent where the copy's folder is made; outside of any package, so that the package's dependencies are linked beside it */
export function openWorkshop({ folder }: EnginePackage, parent: string): Workshop {
  mkdirSync(parent, { recursive: true });
  const root = mkdtempSync(join(parent, "building-"));
  const modules = join(root, "node_modules");
  const copy = join(modules, basename(folder));
  mkdirSync(modules);
  const siblings = dirname(folder);
  for (const name of readdirSync(siblings)) {
    if (name !== basename(folder)) symlinkSync(realpathSync(join(siblings, name)), join(modules, name));
  }
  // Without its own node_modules: the commands in there point to where the package was installed.
  const left = [join(folder, "node_modules"), join(folder, "llama/localBuilds")];
  cpSync(folder, copy, { recursive: true, filter: (path) => !left.includes(path) });
  linkCommand(modules);
  return {
    folder: copy,
    cli: join(copy, "dist/cli/cli.js"),
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The build is an npm script, which finds its command here. */
function linkCommand(modules: string): void {
  const commands = join(modules, ".bin");
  mkdirSync(commands);
  symlinkSync(join("..", builder, "bin", builder), join(commands, builder));
}
