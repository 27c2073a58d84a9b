// Provides an engine of which all of llama.cpp is compiled on this machine: an installed build, a kept copy, or a new build.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath, type ProcessGroups } from "@waggle/testing/harness";
import { compileEngine } from "./compile.ts";
import {
  buildFolder,
  buildName,
  findEnginePackage,
  isBuilt,
  type EnginePackage,
  nameBuild,
  placeBuild,
} from "./engine-package.ts";
import { checkToolchain, fullTools } from "./toolchain.ts";
import { hasOpenMp, tryBuild, UnusableBuildError } from "./trial.ts";
import { openWorkshop } from "./workshop.ts";

export interface BuildEngineOptions {
  /** Compile even if there is a build. */
  readonly force: boolean;
  /** Our addon, which works with the prebuilt engine. */
  readonly addonPath: string;
  readonly groups: ProcessGroups;
  /** Called when an existing build does not work and was deleted. */
  readonly onUnusable: (error: UnusableBuildError) => void;
  /** Called before compiling, which takes minutes. */
  readonly onCompiling: () => void;
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

export interface EngineBuild {
  readonly how: "found" | "restored" | "built";
  readonly release: string;
  readonly openMp: boolean;
}

/**
 * A new node_modules has no build, so .waggle keeps a copy for each version of the library and kind of machine. An earlier build is
 * tested before use, because the build may be for another CPU, or a faulty compiler may have made it.
 * @throws ToolchainError when build tools are missing; Error when the engine does not compile or load
 */
export async function buildEngine(options: BuildEngineOptions): Promise<EngineBuild> {
  const engine = findEnginePackage();
  const { folder, release } = engine;
  const { addonPath } = options;
  const target = buildFolder(folder);
  const kept = keptFolder(engine);
  const done = (how: EngineBuild["how"]): EngineBuild => ({ how, release, openMp: hasOpenMp(target) });

  const works = async (): Promise<boolean> => {
    try {
      await tryBuild(folder, addonPath);
      return true;
    } catch (error) {
      if (!(error instanceof UnusableBuildError)) throw error;
      rmSync(target, { recursive: true });
      options.onUnusable(error);
      return false;
    }
  };

  if (!options.force && isBuilt(target) && (await works())) return done("found");
  if (!options.force && isBuilt(kept)) {
    placeBuild(kept, target);
    if (await works()) return done("restored");
    rmSync(kept, { recursive: true });
  }
  checkToolchain(fullTools, process.env["PATH"] ?? "");
  options.onCompiling();
  const workshop = openWorkshop(engine, repositoryPath(".waggle/engine-builds"));
  try {
    await compileEngine({ ...options, workshop, release });
    const built = buildFolder(workshop.folder);
    nameBuild(built);
    await tryBuild(workshop.folder, addonPath);
    placeBuild(built, kept);
    placeBuild(built, target);
  } finally {
    options.groups.killAll();
    workshop.dispose();
  }
  return done("built");
}

/** Returns to the prebuilt binary. The copy in .waggle is kept, so that the build can be restored. */
export function removeEngineBuild(): void {
  rmSync(buildFolder(findEnginePackage().folder), { recursive: true, force: true });
}

function keptFolder({ version }: EnginePackage): string {
  return repositoryPath(join(".waggle/engine-builds", `node-llama-cpp-${version}-${buildName()}`));
}
