// Finds the models that a worker serves from its start: the models of its settings, and the files in its models folder. In local mode, a worker
// whose settings name no model serves all downloads of this machine and the embedded model.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createCatalogue, defaultModelName, nameOfFile, scanFolder, uniqueName } from "@waggle/models/download";
import type { DownloadedModel } from "@waggle/models/download";
import { WaggleError, reservedModelNames } from "@waggle/protocol";
import { errorReason } from "@waggle/daemon/terminal";
import type { WorkerConfig } from "../../config.ts";
import type { GivenModel } from "../../config/given-models.ts";
import { embeddedModelName, embeddedModelPath } from "../embedded-model.ts";
import { isLocalFile, ownName, requireAdapters, requireUsable } from "./given-file.ts";

/**
 * @param lastUsed path of the model that answered last on this machine
 * @throws WaggleError invalid_argument when a setting names an unknown model, two models have the same name, or the folder cannot be read
 * @throws StartError when no file can be a model, or no model can have its adapters
 */
export async function findModels(config: WorkerConfig, lastUsed?: string): Promise<readonly GivenModel[]> {
  const given = namedModels(config, await namedDownloads(config));
  const inFolder = config.servesFolder && config.backend !== "fake" ? await modelsInFolder(config, given) : [];
  const here = offersMachine(config) ? await modelsHere(config, given, lastUsed) : given;
  const models = withAliases([...here, ...inFolder], config);
  if (config.backend === "fake") return models;
  if (inFolder.length === 0)
    await requireUsable(
      given.map(({ reference }) => reference),
      config.modelsFolder,
    );
  await requireAdapters(
    models.map(({ settings = config.modelSettings }) => (settings.lora ?? []).map(({ path }) => path)),
  );
  return await Promise.all(
    models.map(async (model) => ({
      ...model,
      name: model.name ?? (await ownName(model.reference, config.modelsFolder)),
    })),
  );
}

/** Aliases and pins are added later, from the flags. */
const bare = { aliases: [], pinned: false } as const;

/** In network mode and in a fleet, a worker serves only what it was given. */
function offersMachine({ localMode, models, servesFolder, backend, natsUrl }: WorkerConfig): boolean {
  return localMode && models.length === 0 && !servesFolder && backend !== "fake" && natsUrl === undefined;
}

/** The downloads that the settings name as `waggle list` does, by the name in the settings. A file of this name comes first. */
async function namedDownloads({ models, modelsFolder, backend }: WorkerConfig): Promise<Map<string, DownloadedModel>> {
  const found = new Map<string, DownloadedModel>();
  for (const model of backend === "fake" ? [] : models) {
    const { reference } = model;
    if (!isLocalFile(reference) || isEmbedded(model) || existsSync(reference)) continue;
    const download = await createCatalogue({ folder: modelsFolder })
      .find(reference)
      .catch(() => undefined);
    if (download !== undefined) found.set(reference, download);
  }
  return found;
}

/** A download that is not complete is continued under its reference. */
function withDownload(model: GivenModel, { name, path, state, reference }: DownloadedModel): GivenModel {
  return { ...model, name: model.name ?? name, reference: state === "whole" ? path : (reference ?? path) };
}

/** The given model and all downloads. The model that was used last is the default. */
async function modelsHere(
  { modelsFolder, defaultModel }: WorkerConfig,
  given: readonly GivenModel[],
  lastUsed: string | undefined,
): Promise<readonly GivenModel[]> {
  // A folder that cannot be read has no models to offer.
  const catalogue = await createCatalogue({ folder: modelsFolder })
    .list()
    .catch(() => []);
  const models = [...given, ...downloadsAmong(catalogue, given)];
  const usual = models.find(({ reference }) => reference === lastUsed) ?? models[0];
  return models.map((model) => ({ ...model, isUsual: defaultModel === undefined && model === usual }));
}

function downloadsAmong(catalogue: readonly DownloadedModel[], given: readonly GivenModel[]): readonly GivenModel[] {
  const known = new Set(given.map(({ reference }) => resolve(reference)));
  const taken = new Set(given.flatMap(({ name }) => name ?? []));
  return catalogue
    .filter(({ state }) => state === "whole")
    .filter(({ path, reference }) => !known.has(path) && !given.some((one) => one.reference === reference))
    .map(({ name, path }) => ({ ...bare, name: uniqueName(name, taken), reference: path, source: "download" }));
}

function namedModels(
  { backend, models: configured, modelRef, servesFolder }: WorkerConfig,
  downloads: ReadonlyMap<string, DownloadedModel>,
): readonly GivenModel[] {
  const models = configured.map((model) => {
    const download = downloads.get(model.reference);
    if (download !== undefined) return withDownload(model, download);
    return isEmbedded(model) ? withEmbeddedFile(model) : model;
  });
  const [first, ...others] = models;
  if (first === undefined) {
    if (backend === "fake") return [{ ...bare, name: modelRef, reference: "waggle-fake", source: "fake" }];
    return servesFolder ? [] : [{ ...bare, ...embedded(modelRef) }];
  }
  if (others.length === 0) return [{ ...first, name: first.name ?? modelRef }];
  const taken = new Set(models.flatMap(({ name }) => name ?? []));
  return models.map((model) => {
    const name = model.name ?? uniqueName(defaultName(model.reference), taken);
    taken.add(name);
    return { ...model, name };
  });
}

function embedded(name: string = embeddedModelName): Pick<GivenModel, "name" | "reference" | "source"> {
  return { name, reference: embeddedModelPath(), source: "embedded" };
}

/** Whether the setting is the embedded model's name. A file of this name comes first, as for every other path. */
function isEmbedded({ reference, source }: GivenModel): boolean {
  return source === "file" && reference === embeddedModelName && !existsSync(reference);
}

function withEmbeddedFile(model: GivenModel): GivenModel {
  return { ...model, ...embedded(model.name) };
}

function defaultName(reference: string): string {
  return isLocalFile(reference) ? nameOfFile(reference) : defaultModelName(reference);
}

async function modelsInFolder(
  { modelsFolder }: WorkerConfig,
  given: readonly GivenModel[],
): Promise<readonly GivenModel[]> {
  const known = new Set(given.map(({ reference }) => resolve(reference)));
  const taken = given.flatMap(({ name }) => name ?? []);
  const refuse = (error: unknown): never => {
    throw new WaggleError("invalid_argument", `Cannot read the models folder ${modelsFolder}: ${errorReason(error)}`);
  };
  const catalogue = await createCatalogue({ folder: modelsFolder }).list().catch(refuse);
  const paths = catalogue.filter(({ state }) => state === "whole").map(({ path }) => path);
  const downloaded = downloadsAmong(catalogue, given);
  const names = [...taken, ...downloaded.flatMap(({ name }) => name ?? [])];
  const found = await scanFolder(modelsFolder, { except: [...paths, ...known], taken: names }).catch(refuse);
  return [
    ...downloaded,
    ...found.map(({ name, path }): GivenModel => ({ ...bare, name, reference: path, source: "folder" })),
  ];
}

function withAliases(
  models: readonly GivenModel[],
  { aliases, pinnedModels, defaultModel }: WorkerConfig,
): readonly GivenModel[] {
  const names = models.flatMap(({ name }) => name ?? []);
  const sole = models.length === 1;
  for (const [flag, name] of [
    ...aliases.map((one) => ["--alias", one.name] as const),
    ...pinnedModels.map((pinned) => ["--pin", pinned] as const),
    ...(defaultModel === undefined ? [] : [["--default-model", defaultModel] as const]),
  ]) {
    if (names.includes(name) || (sole && models[0]?.name === undefined)) continue;
    throw new WaggleError(
      "invalid_argument",
      `Cannot use ${flag}: there is no model ${name}. This worker serves ${names.join(", ") || "none"}.`,
    );
  }
  const named = models.map((model) => {
    const isMeant = (name: string): boolean => sole || model.name === name;
    return {
      ...model,
      aliases: [...model.aliases, ...aliases.filter(({ name }) => isMeant(name)).map(({ alias }) => alias)],
      pinned: model.pinned || pinnedModels.some(isMeant),
    };
  });
  const all = named.flatMap(({ name, aliases: others }) => [
    ...new Set([...(name === undefined ? [] : [name]), ...others]),
  ]);
  const reserved = all.find((name) => reservedModelNames.has(name));
  if (reserved !== undefined)
    throw new WaggleError(
      "invalid_argument",
      `Cannot serve a model as "${reserved}": GET /v1/models/${reserved} is a route. Choose another name.`,
    );
  const twice = all.find((name, index) => all.indexOf(name) < index);
  if (twice === undefined) return named;
  throw new WaggleError("invalid_argument", `Cannot serve two models as "${twice}".`);
}
