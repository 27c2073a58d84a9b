// Reads a model's header by the model's reference: from the local file, or else over the network without downloading the model.
import { resolve } from "node:path";
import { GgufError, readGgufFile, readGgufParts, type GgufHeader } from "../../header/index.ts";
import { WaggleError } from "@waggle/protocol";
import { askForFile, defaultOllamaEndpoint } from "../reference/ask-for-file.ts";
import { findPresent } from "../reference/find-present.ts";
import { allParts } from "./model-names.ts";
import type { Credentials } from "../transfer/open-url.ts";
import { parseReference, type RemoteTarget } from "../reference/parse-reference.ts";
import { openRemoteSource } from "../transfer/remote-bytes.ts";
import { shownReference } from "../transfer/download-error.ts";

const defaultEndpoint = "https://huggingface.co/";

export interface ReadModelHeaderOptions {
  /** The folder of downloads. No request is sent for a model that is in it. */
  readonly folder: string;
  readonly offline: boolean;
  /** Token of Hugging Face, for private and gated repositories. */
  readonly token?: string | undefined;
  /** URL of a mirror of Hugging Face. */
  readonly endpoint?: string | undefined;
  /** URL of a mirror of Ollama's registry. */
  readonly ollamaEndpoint?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ModelHeader {
  readonly header: GgufHeader;
  /** Path of the first part; undefined when the model is not on this machine. */
  readonly path: string | undefined;
}

/**
 * The header of the model that `resolveModel` would return. Only the header is downloaded.
 * @throws WaggleError unavailable when there is no such file, it is no model, or it cannot be had; invalid_argument when the reference makes no
 *   sense; the signal's reason when it aborts
 */
export async function readModelHeader(reference: string, options: ReadModelHeaderOptions): Promise<ModelHeader> {
  const { endpoint = defaultEndpoint, signal } = options;
  signal?.throwIfAborted();
  const target = parseReference(reference, endpoint);
  try {
    const path = target.kind === "path" ? resolve(reference) : await findPresent(resolve(options.folder), target);
    const read = signal === undefined ? {} : { signal };
    if (path !== undefined) return { header: await readGgufFile(path, read), path };
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
  const hub: Credentials | undefined =
    token === undefined ? undefined : { origin: new URL(endpoint).origin, authorization: `Bearer ${token}` };
  const file = await askForFile(target, { endpoint, ollamaEndpoint, credentials: hub, signal });
  const credentials = file.credentials ?? hub;
  const url = new URL(file.url);
  const paths = allParts(url.pathname);
  return await readGgufParts(
    paths.length,
    (index) => openRemoteSource(partUrl(url, paths[index]), { credentials, signal }),
    {
      signal,
    },
  );
}

function partUrl(first: URL, path: string | undefined): string {
  const url = new URL(first);
  url.pathname = path ?? url.pathname;
  return url.href;
}
