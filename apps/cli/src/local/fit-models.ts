// Finds the models that the arguments of `waggle fit` name: files, folders, downloads, references, and all quantizations of a repository.
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { FitSource } from "@waggle/models/memory";
import {
  readHubModels,
  readModelHeader,
  readModelProjector,
  scanFolder,
  shownReference,
} from "@waggle/models/download";
import { CliError, exitCodes } from "../cli-error.ts";
import { isFileOrReference } from "../worker/open-session.ts";
import { embeddedModel } from "./embedded-model.ts";
import { listDownloads, pathOrReference, pickPath } from "./downloads.ts";

export interface FitModelsOptions {
  /** Folder of downloads. */
  readonly folder: string;
  readonly offline: boolean;
  readonly token?: string;
  /** URL of a mirror of Hugging Face; default: Hugging Face itself. */
  readonly endpoint?: string;
  /** `auto`, `none` or a path; the worker's setting. */
  readonly mmproj: string;
  /** Maximum number of pixels of a picture; the worker's setting. */
  readonly maxPixels: number;
  readonly signal: AbortSignal;
}

export interface FitModels {
  readonly models: readonly FitSource[];
  /** Number of a repository's models whose headers were not read, because reading them would take too many requests. */
  readonly leftOut: number;
}

/** Maximum number of headers read of one repository, because each takes a few requests. */
const mostShapes = 12;

/**
 * @param wanted paths, references and names; if empty, all downloads and the embedded model
 * @param onRead called before each header is read, with the name of its file
 * @throws CliError, or WaggleError naming the file that cannot be read
 */
export async function findFitModels(
  wanted: readonly string[],
  options: FitModelsOptions,
  onRead: (what: string) => void,
): Promise<FitModels> {
  const found: FitModels[] = [];
  for (const one of wanted.length === 0 ? await allModels(options) : wanted)
    found.push(await modelsOf(one, options, onRead));
  return {
    models: found.flatMap(({ models }) => models),
    leftOut: found.reduce((total, { leftOut }) => total + leftOut, 0),
  };
}

async function allModels({ folder }: FitModelsOptions): Promise<readonly string[]> {
  const downloads = await listDownloads({ modelsFolder: folder });
  const whole = downloads.filter(({ state }) => state === "whole").map(({ path }) => path);
  return [...whole, (await embeddedModel()).path];
}

async function modelsOf(wanted: string, options: FitModelsOptions, onRead: (what: string) => void): Promise<FitModels> {
  if (isRepository(wanted)) return await modelsOfRepository(wanted, options, onRead);
  if (statSync(wanted, { throwIfNoEntry: false })?.isDirectory() === true) {
    return { models: await modelsOfFolder(wanted, options, onRead), leftOut: 0 };
  }
  const { folder } = options;
  const config = { modelsFolder: folder };
  const reference = isFileOrReference(wanted) ? await pathOrReference(config, wanted) : await pickPath(config, wanted);
  onRead(shownReference(reference));
  const embedded = await embeddedModel();
  const name = reference === embedded.path ? embedded.name : lastWord(shownReference(reference));
  return { models: [{ name, ...(await readModel(reference, options)) }], leftOut: 0 };
}

type ReadModel = Pick<FitSource, "header" | "pictures">;

async function readModel(reference: string, options: FitModelsOptions): Promise<ReadModel> {
  const model = await readModelHeader(reference, options);
  const { card } = await readModelProjector(reference, model, options);
  const { maxPixels } = options;
  return { header: model.header, pictures: card === undefined ? undefined : { projector: card, maxPixels } };
}

/** Whether the reference is `hf:user/repo` without a quantization. */
export function isRepository(reference: string): boolean {
  return /^hf:(?:\/\/)?[^/:]+\/[^/:]+$/i.test(reference);
}

async function modelsOfFolder(
  folder: string,
  options: FitModelsOptions,
  onRead: (what: string) => void,
): Promise<readonly FitSource[]> {
  const found = await scanFolder(folder);
  if (found.length === 0) throw new CliError(`There are no models in ${folder}.`, exitCodes.fileUnusable);
  const models: FitSource[] = [];
  for (const { path } of found) {
    onRead(path);
    models.push({ name: basename(path), ...(await readModel(path, options)) });
  }
  return models;
}

async function modelsOfRepository(
  reference: string,
  options: FitModelsOptions,
  onRead: (what: string) => void,
): Promise<FitModels> {
  if (options.offline) throw new CliError(`Cannot list ${reference}: the variable WAGGLE_OFFLINE is set.`);
  onRead(`the list of files in ${reference}`);
  const { maxPixels } = options;
  const { models, leftOut } = await readHubModels(reference, { ...options, mostHeaders: mostShapes, onRead });
  if (models.length === 0) throw new CliError(`There are no GGUF models in ${reference}.`);
  return {
    models: models.map(({ path, quantization, bytes, header, projector }) => ({
      name: basename(path),
      quantization,
      header,
      fileBytes: bytes,
      pictures: projector === undefined ? undefined : { projector, maxPixels },
    })),
    leftOut,
  };
}

function lastWord(reference: string): string {
  return reference.split("/").at(-1) ?? reference;
}
