// Lists, finds and removes the models that Waggle has downloaded to a folder. It touches no other file there.
import { rm, rmdir } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { recordPath } from "./download-record.ts";
import { tryLock } from "./file-lock.ts";
import { describeDownload, findDownloads, isUrlPlace, type DownloadedModel } from "./find-downloads.ts";
import { bearsName } from "../reference/find-present.ts";
import { allParts } from "./model-names.ts";
import { removePartials } from "../transfer/partial-file.ts";
import { defaultEndpoint, parseReference } from "../reference/parse-reference.ts";
import { uniqueName } from "../reference/served-names.ts";
import { shownReference } from "../transfer/download-error.ts";

export interface CatalogueOptions {
  /** Where downloads are kept. */
  readonly folder: string;
  /** URL of a mirror of Hugging Face. Web addresses below it are references to its repositories. */
  readonly endpoint?: string;
}

export interface Catalogue {
  /** Oldest first. */
  list(): Promise<readonly DownloadedModel[]>;
  /** @param wanted the model's name, reference or path */
  find(wanted: string): Promise<DownloadedModel | undefined>;
  /**
   * Removes all parts of a model, complete or partial, and its records.
   * @throws WaggleError not_found when Waggle has downloaded no such model; conflict while it is being downloaded
   */
  remove(wanted: string): Promise<DownloadedModel>;
}

/** Reads the folder at each call, so that changes by other processes are visible. */
export function createCatalogue(options: CatalogueOptions): Catalogue {
  const folder = resolve(options.folder);
  const endpoint = options.endpoint ?? defaultEndpoint;

  async function find(wanted: string): Promise<DownloadedModel | undefined> {
    const models = await listDownloads(folder);
    const named = models.find(({ name, reference }) => name === wanted || reference === wanted);
    return named ?? models.find(({ path }) => path === resolve(wanted) || isMeant(wanted, path));
  }

  function isMeant(wanted: string, path: string): boolean {
    try {
      return bearsName(parseReference(wanted, endpoint), relative(folder, path).split(sep).join("/"));
    } catch {
      return false;
    }
  }

  return {
    list: async () => await listDownloads(folder),
    find,
    async remove(wanted) {
      const model = await find(wanted);
      const failed = `Cannot remove model ${shownReference(wanted)}`;
      if (model === undefined) throw new WaggleError("not_found", `${failed}: Waggle has not downloaded it`);
      if (!(await removeDownload(model.path))) {
        throw new WaggleError("conflict", `${failed}: it is being downloaded`);
      }
      return model;
    },
  };
}

/** All downloads in the folder, oldest first, each with a unique name. */
export async function listDownloads(folder: string): Promise<readonly DownloadedModel[]> {
  const found: DownloadedModel[] = [];
  for (const path of await findDownloads(folder)) {
    const model = await describeDownload(path);
    if (model !== undefined) found.push(model);
  }
  found.sort((a, b) => a.changedAtMs - b.changedAtMs || (a.path < b.path ? -1 : 1));
  const taken = new Set<string>();
  return found.map((model) => {
    const name = uniqueName(model.name, taken);
    taken.add(name);
    return { ...model, name };
  });
}

/** False when another process is downloading the model. @param path of the first part */
async function removeDownload(path: string): Promise<boolean> {
  const lock = await tryLock(`${path}.lock`);
  if (lock === undefined) return false;
  try {
    for (const part of allParts(path)) {
      await removePartials(part);
      await rm(part, { force: true });
    }
    // Remove the record last: if this is interrupted, the remaining files are still recognised as a download.
    await rm(recordPath(path), { force: true });
  } finally {
    await lock[Symbol.asyncDispose]();
  }
  const place = dirname(path);
  // The folder may still hold another file; `rmdir` then fails, which is correct.
  if (isUrlPlace(basename(place))) await rmdir(place).catch(() => {});
  return true;
}
