// Finds models to download, at the hub and in the list of recommended ones, and says which fit this machine. Asks no hub in offline mode.
import { basename } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ModelHub } from "@waggle/front";
import { readHubModels, searchHub } from "@waggle/models/download";
import type { HubModel } from "@waggle/models/download";
import { fitReport, thisMachine } from "@waggle/models/memory";
import type { FitReport, FitSource, Gpu, Machine } from "@waggle/models/memory";
import { WaggleError } from "@waggle/protocol";
import type { HubFile, HubFiles, RecommendedModels } from "@waggle/protocol";
import { engineSettingsOf } from "../memory/engine-settings.ts";
import { fitField, modelField } from "./fit.ts";
import { adviseHere, toRecommended } from "./recommended.ts";
import { downloadsOf } from "./operations.ts";
import type { OperationsOptions, ServedAs } from "./operations.ts";

/** Maximum number of requests at the same time. */
const mostRequests = 4;
/** Maximum number of headers that are read of one repository. */
const mostHeaders = 4;
/** How long an advice is given again: it takes a third of a second to compute, and the free memory changes slowly. */
const adviceLifeMs = 30_000;

export interface HubOptions {
  readonly config: OperationsOptions["config"];
  readonly servedAs: ServedAs;
  readonly now: () => number;
  /** The GPU with its free memory, if an engine has reported it. */
  readonly gpu: () => Gpu | undefined;
  /** By default, this machine. */
  readonly machine?: (gpu: Gpu | undefined) => Machine;
}

export function createHub({
  config,
  servedAs,
  now,
  gpu,
  machine = (gpu) => thisMachine({ gpu }),
}: HubOptions): ModelHub {
  const { hubUrl, modelSettings } = config;
  let running = 0;
  let advised: { readonly at: number; readonly advice: ReturnType<typeof adviseHere> } | undefined;

  async function recommended(): Promise<RecommendedModels> {
    if (advised === undefined || now() - advised.at > adviceLifeMs) {
      advised = { at: now(), advice: adviseHere(modelSettings, machine(gpu())) };
    }
    return toRecommended(await advised.advice, await servedAs());
  }

  async function ask<T>(what: string, send: () => Promise<T>): Promise<T> {
    if (config.offline) throw new WaggleError("unavailable", `Cannot ${what}: the worker is offline.`);
    if (running >= mostRequests) {
      throw new WaggleError("resource_exhausted", `Cannot ${what}: ${mostRequests} other searches are under way.`, {
        retryAfterS: 5,
      });
    }
    running += 1;
    try {
      return await send();
    } finally {
      running -= 1;
    }
  }

  async function filesOf(repo: string, signal: AbortSignal): Promise<HubFiles> {
    const { mmproj } = modelSettings;
    const { models, leftOut } = await readHubModels(repo, { ...downloadsOf(config), mmproj, mostHeaders, signal });
    const here = machine(gpu());
    const wanted = engineSettingsOf(modelSettings);
    const nameOnWorker = await servedAs();
    const files: HubFile[] = [];
    for (const model of models) {
      const { rows } = fitReport([sourceOf(model, modelSettings.maxPicturePixels)], here, wanted);
      files.push({ ...toWire(model, rows[0]), ...modelField(await nameOnWorker(model.reference)) });
      // Streams continue between two files.
      await nextTurn();
    }
    return { files, left_out: leftOut };
  }

  return {
    recommended,
    search: async (query, signal) =>
      await ask("search for models", async () => {
        const found = await searchHub(query, { ...downloadsOf(config), signal });
        return { hub: hubUrl, models: [...found] };
      }),
    files: async (repo, signal) => await ask(`list ${repo}`, async () => await filesOf(repo, signal)),
  };
}

function sourceOf({ path, bytes, header, projector }: HubModel, maxPixels: number): FitSource {
  const pictures = projector === undefined ? undefined : { projector, maxPixels };
  return { name: path, header, fileBytes: bytes, pictures };
}

function toWire(model: HubModel, row: FitReport["rows"][number] | undefined): HubFile {
  const { reference, path, bytes, quantization, parts, projector } = model;
  const { fit, problem } = row ?? {};
  return {
    ...{ reference, file: basename(path), bytes, parts, pictures: projector !== undefined },
    ...(quantization === undefined ? {} : { quantization }),
    ...fitField(fit),
    ...(problem === undefined ? {} : { problem }),
  };
}
