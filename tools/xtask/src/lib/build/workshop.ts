// Makes a copy of node-llama-cpp to build in, so that the installed package stays usable. During a build in the installed package, workers would
// wait for the library's lock, and an interrupted build would leave incomplete files where the library looks first.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { EnginePackage } from "./engine-package.ts";

export interface Workshop {
  /** The copy's folder. */
  readonly folder: string;
  /** The path of the library's command line, to run with Node. */
  readonly cli: string;
  dispose(): void;
}

/** The dependency that the package's build script runs. */
const builder = "cmake-js";

/** @param parent the folder for the copy, outside of any package, so that the package's dependencies can be linked next to the copy */
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
  // The copy leaves out node_modules, because the commands in that folder refer to the installed package.
  const left = [join(folder, "node_modules"), join(folder, "llama/localBuilds")];
  cpSync(folder, copy, { recursive: true, filter: (path) => !left.includes(path) });
  linkCommand(modules);
  return {
    folder: copy,
    cli: join(copy, "dist/cli/cli.js"),
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Links the command of `builder`, because the build is an npm script that runs this command. */
function linkCommand(modules: string): void {
  const commands = join(modules, ".bin");
  mkdirSync(commands);
  symlinkSync(join("..", builder, "bin", builder), join(commands, builder));
}
