// Finds the models that a worker serves from its start: the models of its settings, and the files in its models folder.
import { resolve } from "node:path";
import { createCatalogue, nameOf, nameOfFile, scanFolder, uniqueName } from "@waggle/models/download";
import { WaggleError, reservedModelNames } from "@waggle/protocol";
import { reasonOf } from "@waggle/daemon/terminal";
import type { WorkerConfig } from "../../config.ts";
import { embeddedModelPath } from "../../process/embedded-model.ts";
import { isLocalFile, ownName, requireAdapters, requireUsable } from "./given-file.ts";
import type { ModelSpec } from "./models.ts";

/**
 * @throws WaggleError invalid_argument when a setting names an unknown model, two models have the same name, or the folder cannot be read
 * @throws StartError when no file can be a model, or no model can have its adapters
 */
export async function modelSpecsOf(config: WorkerConfig): Promise<readonly ModelSpec[]> {
  const given = givenSpecs(config);
  const inFolder = config.servesFolder && config.backend !== "fake" ? await specsInFolder(config, given) : [];
  const specs = withAliases([...given, ...inFolder], config);
  if (config.backend === "fake") return specs;
  if (inFolder.length === 0) await requireUsable(given.map(({ reference }) => reference));
  await requireAdapters(
    specs.map(({ settings = config.modelSettings }) => (settings.lora ?? []).map(({ path }) => path)),
  );
  return await Promise.all(
    specs.map(async (spec) => ({ ...spec, name: spec.name ?? (await ownName(spec.reference)) })),
  );
}

/** A model before the flags add aliases and pins to it. */
type BareSpec = Omit<ModelSpec, "aliases" | "pinned"> & Partial<Pick<ModelSpec, "aliases" | "pinned">>;

function givenSpecs({ backend, models, modelRef, servesFolder }: WorkerConfig): readonly BareSpec[] {
  const [first, ...others] = models;
  if (first === undefined) {
    if (backend === "fake") return [{ name: modelRef, reference: "waggle-fake", source: "fake" }];
    return servesFolder ? [] : [{ name: modelRef, reference: embeddedModelPath(), source: "embedded" }];
  }
  const source = backend === "fake" ? "fake" : "file";
  if (others.length === 0) return [{ ...first, name: first.name ?? modelRef, source }];
  const taken = new Set(models.flatMap(({ name }) => name ?? []));
  return models.map((model) => {
    const name = model.name ?? uniqueName(defaultName(model.reference), taken);
    taken.add(name);
    return { ...model, name, source };
  });
}

function defaultName(reference: string): string {
  return isLocalFile(reference) ? nameOfFile(reference) : nameOf(reference);
}

async function specsInFolder({ modelsFolder }: WorkerConfig, given: readonly BareSpec[]): Promise<readonly BareSpec[]> {
  const known = new Set(given.map(({ reference }) => resolve(reference)));
  const taken = given.flatMap(({ name }) => name ?? []);
  const downloads = (await createCatalogue({ folder: modelsFolder }).list()).filter(({ state }) => state === "whole");
  const paths = downloads.map(({ path }) => path);
  const downloaded = downloads
    .filter(({ path, reference }) => !known.has(path) && !given.some((one) => one.reference === reference))
    .map(({ name, path }): BareSpec => ({
      name: uniqueName(name, new Set(taken)),
      reference: path,
      source: "download",
    }));
  const names = [...taken, ...downloaded.flatMap(({ name }) => name ?? [])];
  const found = await scanFolder(modelsFolder, { except: [...paths, ...known], taken: names }).catch(
    (error: unknown) => {
      throw new WaggleError("invalid_argument", `Cannot read the models folder ${modelsFolder}: ${reasonOf(error)}`);
    },
  );
  return [...downloaded, ...found.map(({ name, path }): BareSpec => ({ name, reference: path, source: "folder" }))];
}

function withAliases(
  specs: readonly BareSpec[],
  { aliases, pinnedModels, defaultModel }: WorkerConfig,
): readonly ModelSpec[] {
  const names = specs.flatMap(({ name }) => name ?? []);
  const sole = specs.length === 1;
  for (const name of [
    ...aliases.map((one) => one.name),
    ...pinnedModels,
    ...(defaultModel === undefined ? [] : [defaultModel]),
  ]) {
    if (names.includes(name) || (sole && specs[0]?.name === undefined)) continue;
    throw new WaggleError(
      "invalid_argument",
      `Cannot find model "${name}": this worker serves ${names.join(", ") || "none"}.`,
    );
  }
  const named = specs.map((spec) => {
    const isMeant = (name: string): boolean => sole || spec.name === name;
    return {
      ...spec,
      aliases: [...(spec.aliases ?? []), ...aliases.filter(({ name }) => isMeant(name)).map(({ alias }) => alias)],
      pinned: spec.pinned === true || pinnedModels.some(isMeant),
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
