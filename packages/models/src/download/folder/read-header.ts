// Reads the header of the model behind a reference: from the local file, or over the network without downloading the model.
import { resolve } from "node:path";
import { GgufError, readGgufFile, readGgufParts, type ByteSource, type GgufHeader } from "../../header/index.ts";
import { WaggleError } from "@waggle/protocol";
import { askForFile, defaultOllamaEndpoint } from "../reference/ask-for-file.ts";
import { findPresent } from "../reference/find-present.ts";
import { allParts, firstPart } from "./model-names.ts";
import { hubCredentials } from "../transfer/open-url.ts";
import { defaultEndpoint, parseReference, type RemoteTarget } from "../reference/parse-reference.ts";
import type { ResolveModelOptions } from "../reference/resolve-model.ts";
import { openRemoteSource } from "../transfer/remote-bytes.ts";
import { shownReference } from "../transfer/download-error.ts";

/** For models in the folder, no request is sent. */
export type ReadModelHeaderOptions = Pick<
  ResolveModelOptions,
  "folder" | "offline" | "token" | "endpoint" | "ollamaEndpoint" | "signal"
>;

export interface ModelHeader {
  readonly header: GgufHeader;
  /** Path of the first part; undefined if the model is not on this machine. */
  readonly path: string | undefined;
}

/**
 * Reads the header of the model that `resolveModel` would return. Only the header is downloaded.
 * @throws WaggleError unavailable if the file does not exist, cannot be reached or is not a model; invalid_argument if the reference is malformed;
 *   the signal's reason when it aborts
 */
export async function readModelHeader(reference: string, options: ReadModelHeaderOptions): Promise<ModelHeader> {
  const { endpoint = defaultEndpoint, signal } = options;
  signal?.throwIfAborted();
  const target = parseReference(reference, endpoint);
  try {
    const path =
      target.kind === "path" ? resolve(firstPart(reference)) : await findPresent(resolve(options.folder), target);
    if (path !== undefined) return { header: await readGgufFile(path, { signal }), path };
    if (target.kind === "path") throw new GgufError("no such file");
    if (options.offline) throw new GgufError(`offline mode, and it is not in ${resolve(options.folder)}`);
    return { header: await readRemote(target, { ...options, endpoint }), path };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof WaggleError) throw error;
    const message = `Cannot read model ${shownReference(reference)}: ${(error as Error).message}`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

async function readRemote(
  target: RemoteTarget,
  options: ReadModelHeaderOptions & { readonly endpoint: string },
): Promise<GgufHeader> {
  const { endpoint, ollamaEndpoint = defaultOllamaEndpoint, token, signal = new AbortController().signal } = options;
  const hub = hubCredentials(token, endpoint);
  const file = await askForFile(target, { endpoint, ollamaEndpoint, credentials: hub, signal });
  const credentials = file.credentials ?? hub;
  const url = new URL(file.url);
  const paths = allParts(url.pathname);
  const open = (index: number): Promise<ByteSource> =>
    openRemoteSource(partUrl(url, paths[index]), { credentials, signal });
  return await readGgufParts(paths.length, open, { signal });
}

function partUrl(first: URL, path: string | undefined): string {
  const url = new URL(first);
  url.pathname = path ?? url.pathname;
  return url.href;
}
