// Reads the headers of the models in a repository of the hub: one for all quantizations of a model, whose headers differ only in sizes.
import { basename } from "node:path";
import type { GgufHeader, ProjectorCard } from "../../header/index.ts";
import { readModelHeader } from "../folder/read-header.ts";
import { readModelProjector, type ReadProjectorOptions } from "../folder/read-projector.ts";
import { listHubFiles, type HubModelFile } from "./hub-files.ts";

export interface HubModelsOptions extends ReadProjectorOptions {
  /** Maximum number of headers that are read, because each takes a few requests. */
  readonly mostHeaders: number;
  /** Called before each header is read, with the name of its file. */
  readonly onRead?: (path: string) => void;
}

export interface HubModel extends HubModelFile {
  /** The header of this file, or that of another quantization of the same model. */
  readonly header: GgufHeader;
  /** The projector with which the model reads pictures. */
  readonly projector: ProjectorCard | undefined;
}

export interface HubModels {
  /** Smallest first. */
  readonly models: readonly HubModel[];
  /** Number of models whose headers were not read. */
  readonly leftOut: number;
}

/**
 * @param reference `hf:user/repo`
 * @throws WaggleError as `listHubFiles` and `readModelHeader` do
 */
export async function readHubModels(reference: string, options: HubModelsOptions): Promise<HubModels> {
  const files = await listHubFiles(reference, options);
  const read = new Map<string, Pick<HubModel, "header" | "projector">>();
  const models: HubModel[] = [];
  for (const file of files) {
    const shape = shapeOf(file);
    let shared = read.get(shape);
    if (shared === undefined) {
      if (read.size === options.mostHeaders) continue;
      options.onRead?.(file.path);
      const model = await readModelHeader(file.reference, options);
      const { card } = await readModelProjector(file.reference, model, options);
      shared = { header: model.header, projector: card };
      read.set(shape, shared);
    }
    models.push({ ...file, ...shared });
  }
  return { models, leftOut: files.length - models.length };
}

/** The file name without the quantization: all files of one model have the same result. A repository may have several models. */
function shapeOf({ path, quantization }: HubModelFile): string {
  const name = basename(path)
    .replace(/-\d{5}-of-\d{5}/, "")
    .toLowerCase();
  return quantization === undefined ? name : name.replace(quantization.toLowerCase(), "");
}
