// Owns getting a model: what a reference names is looked for in one folder, and downloaded when it is missing or when something newer is wanted.
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { defaultOllamaEndpoint } from "./ask-for-file.ts";
import { downloadModel } from "./download.ts";
import { describeDownload, type DownloadedModel } from "./find-downloads.ts";
import { findPresent } from "./find-present.ts";
import { defaultEndpoint, parseReference, type RemoteTarget } from "./parse-reference.ts";
import type { PullProgress } from "./progress.ts";
import { shownReference } from "./shown-reference.ts";

/** How long a download may bring nothing. */
const stallTimeoutMs = 60_000;
/** Of each file at once. More are no faster where one of them already fills the line, and servers do not like many. */
const defaultConnections = 4;

export interface PullOptions {
  /** Where downloads are kept. */
  readonly folder: string;
  /** For Hugging Face, where a repository is not open to all. */
  readonly token?: string;
  /** A mirror of Hugging Face. */
  readonly endpoint?: string;
  /** A mirror of Ollama's registry. */
  readonly ollamaEndpoint?: string;
  /** For each file at once. Default 4. */
  readonly connections?: number;
  /** Ask the server of a model that is here too, and fetch what is newer there. Default false. */
  readonly update?: boolean;
  readonly signal?: AbortSignal;
  /** Called for every piece that arrives. */
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PulledModel extends DownloadedModel {
  /** False: it was here already. */
  readonly downloaded: boolean;
}

/** What a reference names that can be downloaded; nobody is asked. @throws WaggleError invalid_argument when it makes no sense or is a path */
export function parsePullable(reference: string, endpoint: string = defaultEndpoint): RemoteTarget {
  const target = parseReference(reference, endpoint);
  if (target.kind !== "path") return target;
  const wanted = "hf:user/repo:quant, ollama:name:tag or a URL is wanted";
  throw new WaggleError("invalid_argument", `Cannot download model ${reference}: it is a path; ${wanted}`);
}

/**
 * Sees to it that a model is in the folder: `hf:user/repo:quant`, `hf:user/repo/file.gguf`, `ollama:name:tag` or a URL, with `#sha256=…` or
 * without. One that was cut off continues where it stopped; while another process downloads it, this one waits.
 * @throws WaggleError unavailable when it cannot be had; invalid_argument when the reference makes no sense or is a path; the signal's
 *   reason when it aborts
 */
export async function pullModel(reference: string, options: PullOptions): Promise<PulledModel> {
  const { token, endpoint = defaultEndpoint, signal, update = false } = options;
  signal?.throwIfAborted();
  const target = parsePullable(reference, endpoint);
  const folder = resolve(options.folder);
  const present = update ? undefined : await findPresent(folder, target);
  const { path, downloaded } =
    present !== undefined
      ? { path: present, downloaded: false }
      : await downloadModel(reference, target, {
          folder,
          endpoint,
          ollamaEndpoint: options.ollamaEndpoint ?? defaultOllamaEndpoint,
          credentials:
            token === undefined ? undefined : { origin: new URL(endpoint).origin, authorization: `Bearer ${token}` },
          connections: options.connections ?? defaultConnections,
          stallTimeoutMs,
          update,
          signal,
          onProgress: options.onProgress,
        });
  const model = await describeDownload(path);
  if (model === undefined) throw removedMeanwhile(reference);
  return { ...model, downloaded };
}

function removedMeanwhile(reference: string): WaggleError {
  const message = `Cannot download model ${shownReference(reference)}: it was removed as it arrived`;
  return new WaggleError("unavailable", message);
}
