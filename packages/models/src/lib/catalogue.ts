// Owns what Waggle has downloaded into a folder, as a person sees it: listing, finding and removing it, and nothing else that lies there.
import { rm, rmdir } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { recordPath } from "./download-record.ts";
import { tryLock } from "./file-lock.ts";
import { describeDownload, findDownloads, isUrlPlace, type DownloadedModel } from "./find-downloads.ts";
import { bearsName } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import { removePartials } from "./partial-file.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";
import { uniqueName } from "./served-names.ts";
import { shownReference } from "./shown-reference.ts";

export interface CatalogueOptions {
  /** Where downloads are kept. */
  readonly folder: string;
  /** A mirror of Hugging Face: its web addresses are references to its repositories. */
  readonly endpoint?: string;
}

export interface Catalogue {
  /** Oldest first. */
  list(): Promise<readonly DownloadedModel[]>;
  /** By name, reference or path. */
  find(wanted: string): Promise<DownloadedModel | undefined>;
  /**
   * Removes all parts of a model, whole or begun, and what was noted of them.
   * @throws WaggleError not_found when Waggle has downloaded no such model; conflict while it is being downloaded
   */
  remove(wanted: string): Promise<DownloadedModel>;
}

/** Keeps nothing in memory: what other processes do in the folder is seen. */
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

/** Oldest first, no two of one name. */
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

/** False: somebody downloads it. @param path of the first part */
async function removeDownload(path: string): Promise<boolean> {
  const lock = await tryLock(`${path}.lock`);
  if (lock === undefined) return false;
  try {
    for (const part of allParts(path)) {
      await removePartials(part);
      await rm(part, { force: true });
    }
    // Last: what is left when this is cut off is still known for a download.
    await rm(recordPath(path), { force: true });
  } finally {
    await lock[Symbol.asyncDispose]();
  }
  const place = dirname(path);
  // Another file may lie there.
  if (isUrlPlace(basename(place))) await rmdir(place).catch(() => {});
  return true;
}
