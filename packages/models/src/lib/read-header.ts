// Owns the reading of a model's header by its reference: from the file, if it is here, else over the network, without the model.
import { resolve } from "node:path";
import { GgufError, readGgufFile, readGgufParts, type GgufHeader } from "@waggle/gguf";
import { WaggleError } from "@waggle/protocol";
import { askForFile, defaultOllamaEndpoint } from "./ask-for-file.ts";
import { findPresent } from "./find-present.ts";
import { allParts } from "./model-names.ts";
import type { Credentials } from "./open-url.ts";
import { parseReference, type RemoteTarget } from "./parse-reference.ts";
import { openRemoteSource } from "./remote-bytes.ts";
import { shownReference } from "./shown-reference.ts";

const defaultEndpoint = "https://huggingface.co/";

export interface ReadModelHeaderOptions {
  /** Where downloads are kept; what is there is not asked for. */
  readonly folder: string;
  readonly offline: boolean;
  /** For Hugging Face, where a repository is not open to all. */
  readonly token?: string | undefined;
  /** A mirror of Hugging Face. */
  readonly endpoint?: string | undefined;
  /** A mirror of Ollama's registry. */
  readonly ollamaEndpoint?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ModelHeader {
  readonly header: GgufHeader;
  /** Of the first part; undefined where the model is not on this machine. */
  readonly path: string | undefined;
}

/**
 * The header of what `resolveModel` would answer with, and nothing is downloaded but that.
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
