// Connects an operator's changes with this machine: its models folder and its downloads.
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ModelControl } from "@waggle/front";
import { createCatalogue, defaultModelName, uniqueName } from "@waggle/models/download";
import type { PullOptions } from "@waggle/models/download";
import { WaggleError } from "@waggle/protocol";
import type { WorkerConfig } from "../../config.ts";
import { createModelControl } from "./model-control.ts";
import type { ModelControlOptions, OtherFile } from "./model-control.ts";
import type { Model } from "../list/model.ts";
import { findNamed } from "@waggle/jobs";
import { isLocalFile, offeredFile } from "../list/given-file.ts";
import type { ModelHost } from "../run/model-host-port.ts";
import { createDownloads } from "./downloads.ts";
import { createPulls } from "./pulls.ts";
import type { Pulls } from "./pulls.ts";

export interface OperationsOptions extends Omit<ModelControlOptions, "resolve" | "removeFiles"> {
  readonly config: Pick<WorkerConfig, "modelsFolder" | "offline" | "huggingFaceToken" | "hubUrl" | "modelSettings">;
  /** Reads the file of a new model, so that the model's status has its size and abilities. */
  readonly describe?: (host: ModelHost) => Promise<void>;
  readonly now: () => number;
}

type Downloads = Pick<PullOptions, "folder" | "token" | "endpoint"> & { readonly offline: boolean };

export function downloadsOf(config: Omit<OperationsOptions["config"], "modelSettings">): Downloads {
  const { modelsFolder: folder, offline, hubUrl: endpoint, huggingFaceToken: token } = config;
  return { folder, offline, endpoint, ...(token === undefined ? {} : { token }) };
}

/** Reads the folder of downloads, and finds the names of the models that have the files of references. */
export type ServedAs = () => Promise<(reference: string) => Promise<string | undefined>>;

export function createOperations(options: OperationsOptions): {
  readonly control: ModelControl;
  readonly pulls: Pulls;
  readonly servedAs: ServedAs;
} {
  const { config, models, statusOf, now } = options;
  const folder = resolve(config.modelsFolder);
  const catalogue = createCatalogue({ folder, endpoint: config.hubUrl });

  function addDownload(path: string, reference: string | undefined, name: string | undefined): Model {
    const taken = new Set(models.entries().flatMap((entry) => [entry.name, ...entry.aliases]));
    // Another request may have taken the name during the download.
    if (name !== undefined && findNamed(models.entries(), name) !== undefined)
      throw nameTaken(name, " It is downloaded.");
    const own = name ?? uniqueName(defaultModelName(reference ?? path), taken);
    return models.add({ name: own, aliases: [], reference: path, source: "download", pinned: false });
  }

  /** Called before the download. @throws WaggleError conflict when another model has the name */
  async function requireFree(reference: string, name: string): Promise<void> {
    const holder = findNamed(models.entries(), name);
    if (holder === undefined) return;
    const here = await catalogue.find(reference);
    if (here === undefined || pathOf(holder) !== here.path) throw nameTaken(name);
  }

  /** @throws WaggleError invalid_argument */
  async function resolveReference(reference: string, { current: { file } }: Model): Promise<OtherFile> {
    const known = findNamed(models.entries(), reference)?.current.file;
    if (known !== undefined) return { reference: known.facts?.path ?? known.reference, source: known.source };
    if (!isLocalFile(reference)) return { reference, source: "download" };
    const beside = file.source === "file" && file.facts !== undefined ? [dirname(resolve(file.facts.path))] : [];
    const path = offeredFile(reference, [folder, ...beside]);
    const named = path !== undefined && existsSync(path) ? undefined : await catalogue.find(reference);
    if (named?.state === "whole") return { reference: named.path, source: "download" };
    if (path === undefined || !existsSync(path)) {
      const where = "in the models folder (--models-dir) or next to the file that the model has now";
      throw new WaggleError(
        "invalid_argument",
        `Cannot swap to ${reference}: there is no such file ${where}. Move the file there, or name a download (hf:…, ollama:…).`,
      );
    }
    const downloaded = (await catalogue.list()).some((one) => one.path === path);
    return {
      reference: path,
      source: downloaded ? "download" : offeredFile(path, [folder]) === path ? "folder" : "file",
    };
  }

  const control = createModelControl({
    models,
    statusOf,
    resolve: resolveReference,
    prepare: options.prepare,
    log: options.log,
    removeFiles: async (path) => (await catalogue.remove(path)).freedBytes,
  });
  const pulls = createPulls({
    pull: { ...downloadsOf(config), projector: config.modelSettings.mmproj !== "none" },
    now,
    requireFree,
    async onPulled({ path, reference }, name) {
      const present = models.entries().find((one) => pathOf(one) === path);
      // The model keeps its name, and gets the requested name as an alias.
      if (present !== undefined && name !== undefined && findNamed([present], name) === undefined)
        control.alias(present.name, name);
      const entry = present ?? addDownload(path, reference, name);
      await options.describe?.(entry.current);
      return statusOf(entry);
    },
  });
  const downloads = createDownloads({ catalogue, pulls });
  return {
    pulls,
    control: {
      ...control,
      pull: pulls.join,
      downloads: downloads.list,
      stopDownload: pulls.cancel,
      async remove(name) {
        const unfinished = findNamed(models.entries(), name) === undefined && (await downloads.remove(name));
        return unfinished === false ? await control.remove(name) : unfinished;
      },
    },
    async servedAs() {
      const here = await catalogue.list();
      return async (reference) => {
        const path = (await catalogue.find(reference, here))?.path;
        return models.entries().find((one) => path !== undefined && pathOf(one) === path)?.name;
      };
    },
  };
}

function pathOf({ current: { file } }: Model): string {
  return file.facts?.path ?? file.reference;
}

function nameTaken(name: string, more = ""): WaggleError {
  return new WaggleError("conflict", `Cannot serve the model as ${name}: that name is taken.${more}`);
}
