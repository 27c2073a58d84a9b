// Reads the header of the projector that a model has, or that would be downloaded with it.
import { basename, resolve } from "node:path";
import { projectorCardOf, projectorMisfit, readGgufHeader } from "../../header/index.ts";
import type { GgufHeader, ProjectorCard } from "../../header/index.ts";
import { askForFile, defaultOllamaEndpoint } from "../reference/ask-for-file.ts";
import { askForProjector } from "../reference/ask-for-projector.ts";
import { defaultEndpoint, parseReference } from "../reference/parse-reference.ts";
import { hubCredentials } from "../transfer/open-url.ts";
import { openRemoteSource } from "../transfer/remote-bytes.ts";
import { findProjector, readProjector } from "./find-projector.ts";
import type { ModelHeader, ReadModelHeaderOptions } from "./read-header.ts";

export interface ReadProjectorOptions extends ReadModelHeaderOptions {
  /** `auto`, `none` or a path; the setting of a worker. */
  readonly mmproj: string;
}

export interface ReadProjector {
  /** Name of the projector's file. */
  readonly file: string | undefined;
  /** Undefined if the model has no projector, or none that fits. */
  readonly card: ProjectorCard | undefined;
  /** Why a projector is not used. */
  readonly problem: string | undefined;
}

const none: ReadProjector = { file: undefined, card: undefined, problem: undefined };

/**
 * @param model the header and the path of the model behind the reference
 * @throws the signal's reason when it aborts
 */
export async function readModelProjector(
  reference: string,
  { header, path }: ModelHeader,
  options: ReadProjectorOptions,
): Promise<ReadProjector> {
  const { mmproj } = options;
  if (mmproj === "none") return none;
  try {
    if (mmproj !== "auto") {
      const { card } = await readProjector(resolve(mmproj), header);
      return { file: basename(mmproj), card, problem: undefined };
    }
    if (path === undefined) return await readRemote(reference, header, options);
    const { projector, problem } = await findProjector(path, header);
    if (projector === undefined) return { ...none, problem };
    return { file: basename(projector.path), card: projector.card, problem };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { ...none, problem: (error as Error).message };
  }
}

async function readRemote(reference: string, model: GgufHeader, options: ReadProjectorOptions): Promise<ReadProjector> {
  const { endpoint = defaultEndpoint, ollamaEndpoint = defaultOllamaEndpoint, token } = options;
  const { signal = new AbortController().signal } = options;
  const target = parseReference(reference, endpoint);
  if (target.kind === "path") return none;
  const credentials = hubCredentials(token, endpoint);
  const file = await askForFile(target, { endpoint, ollamaEndpoint, credentials, signal });
  const request = { credentials: file.credentials ?? credentials, signal };
  const projector = await askForProjector(file, target.kind === "tag", request);
  if (projector === undefined || projector === null) return none;
  await using source = await openRemoteSource(projector.url, request);
  const card = projectorCardOf(await readGgufHeader(source, { signal }));
  const misfit = projectorMisfit(card, model);
  return misfit === undefined ? { file: projector.name, card, problem: undefined } : { ...none, problem: misfit };
}
