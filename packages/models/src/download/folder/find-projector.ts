// Finds the projector of a model among the files next to it: by the record of its download, or by the files' names. A projector is used only if its header
// fits the model.
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { GgufError, projectorCardOf, projectorMisfit, readGgufFile } from "../../header/index.ts";
import type { GgufHeader, ProjectorCard } from "../../header/index.ts";
import { readRecord } from "./download-record.ts";
import { projectorsAmong } from "./projector-names.ts";

/** Projectors next to a model whose headers are read: a folder may have many files. */
const mostRead = 16;

export interface Projector {
  readonly path: string;
  readonly card: ProjectorCard;
}

export interface FoundProjector {
  /** Undefined if no projector is next to the model, or none fits it. */
  readonly projector: Projector | undefined;
  /** Why the projector next to the model is not used, with its name. */
  readonly problem: string | undefined;
}

/** @param path path of the model, or of its first part. @throws errors of the file system */
export async function findProjector(path: string, model: GgufHeader): Promise<FoundProjector> {
  let problem: string | undefined;
  for (const name of (await projectorsOf(path)).slice(0, mostRead)) {
    const file = join(dirname(path), name);
    try {
      return { projector: await readProjector(file, model), problem: undefined };
    } catch (error) {
      if (!(error instanceof GgufError)) throw error;
      problem ??= `${name}: ${error.message}`;
    }
  }
  return { projector: undefined, problem };
}

/** @throws GgufError if the file is not a projector that reads pictures, or does not fit the model */
export async function readProjector(path: string, model: GgufHeader): Promise<Projector> {
  const card = projectorCardOf(await readGgufFile(path));
  const misfit = projectorMisfit(card, model);
  if (misfit !== undefined) throw new GgufError(misfit);
  return { path, card };
}

/** The names of the files that may be the model's projector, the best first. */
async function projectorsOf(path: string): Promise<readonly string[]> {
  const recorded = (await readRecord(path))?.projector;
  if (typeof recorded === "string") return [recorded];
  const names = (await readdir(dirname(path))).filter((name) => /\.gguf$/i.test(name));
  return projectorsAmong(names, basename(path));
}
