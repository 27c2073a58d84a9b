// Lists, finds and removes the models that Waggle has downloaded to a folder. Other files in the folder are never changed.
import { rm, rmdir } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { recordPath } from "./download-record.ts";
import { tryLock } from "./file-lock.ts";
import { describeDownload, findDownloads, isUrlFolder, type DownloadedModel } from "./find-downloads.ts";
import { bearsName, findByPlace } from "../reference/find-present.ts";
import { allParts } from "./model-names.ts";
import { removePartials } from "../transfer/partial-file.ts";
import { defaultEndpoint, parseReference, type Target } from "../reference/parse-reference.ts";
import { uniqueName } from "../reference/served-names.ts";
import { shownReference } from "../transfer/download-error.ts";

export interface CatalogueOptions {
  /** The folder of downloads. */
  readonly folder: string;
  /** URL of Hugging Face or a mirror. Addresses that begin with this URL refer to the hub's repositories. */
  readonly endpoint?: string;
}

export interface Catalogue {
  /** All downloads in the folder, oldest first. */
  list(): Promise<readonly DownloadedModel[]>;
  /**
   * @param wanted the model's name, reference or path, or the name of its file with or without the ending
   * @param among the last result of `list`; by default the folder is read
   */
  find(wanted: string, among?: readonly DownloadedModel[]): Promise<DownloadedModel | undefined>;
  /**
   * Removes all parts of a model, complete or partial, its record, and its projector unless another model has the same one.
   * @returns the model as it was, and the bytes that were freed
   * @throws WaggleError not_found if Waggle has not downloaded the model; conflict while it is being downloaded
   */
  remove(wanted: string): Promise<DownloadedModel & { readonly freedBytes: number }>;
}

/** Reads the folder at each call, so that changes by other processes are visible. */
export function createCatalogue(options: CatalogueOptions): Catalogue {
  const folder = resolve(options.folder);
  const endpoint = options.endpoint ?? defaultEndpoint;

  async function find(wanted: string, among?: readonly DownloadedModel[]): Promise<DownloadedModel | undefined> {
    const models = among ?? (await listDownloads(folder));
    const named = models.find(({ name, reference }) => name === wanted || reference === wanted);
    if (named !== undefined) return named;
    const target = targetOf(wanted);
    const placed = await findByPlace(folder, target);
    const found = models.find(
      ({ path }) =>
        path === resolve(wanted) || path === placed || bearsName(target, relative(folder, path).split(sep).join("/")),
    );
    const name = plain(wanted);
    return found ?? models.find((model) => [model.name, basename(model.path)].map(plain).includes(name));
  }

  function targetOf(wanted: string): Target {
    try {
      return parseReference(wanted, endpoint);
    } catch {
      return { kind: "path" };
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
      const { projector, bytes } = model;
      const isUsed = (await listDownloads(folder)).some((one) => one.projector?.path === projector?.path);
      const removesBoth = projector !== undefined && !isUsed && (await removeDownload(projector.path));
      return { ...model, freedBytes: bytes + (removesBoth ? projector.bytes : 0) };
    },
  };
}

/** A name as people type it: without the ending of a file, in any case. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.gguf$/, "");
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

/** @param path path of the first part. @returns false while a process downloads the model */
async function removeDownload(path: string): Promise<boolean> {
  const lock = await tryLock(`${path}.lock`);
  if (lock === undefined) return false;
  try {
    for (const part of allParts(path)) {
      await removePartials(part);
      await rm(part, { force: true });
    }
    // The record goes last: after an interruption, the remaining files still count as a download.
    await rm(recordPath(path), { force: true });
  } finally {
    await lock[Symbol.asyncDispose]();
  }
  const parent = dirname(path);
  // If the folder has other files, `rmdir` fails and the folder stays.
  if (isUrlFolder(basename(parent))) await rmdir(parent).catch(() => {});
  return true;
}
