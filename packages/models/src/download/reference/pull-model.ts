// Gets the model behind a reference: finds it in the folder, or downloads it if it is missing or an update is requested.
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { defaultOllamaEndpoint } from "./ask-for-file.ts";
import { downloadModel } from "../transfer/download.ts";
import { describeDownload, type DownloadedModel } from "../folder/find-downloads.ts";
import { findPresent } from "./find-present.ts";
import { defaultEndpoint, parseReference, type RemoteTarget } from "./parse-reference.ts";
import { hubCredentials } from "../transfer/open-url.ts";
import type { PullProgress } from "../transfer/progress.ts";
import { cannotDownload } from "../transfer/download-error.ts";

/** A download fails after this long without a byte. */
const stallTimeoutMs = 60_000;
/** Parallel connections per file. More connections are no faster once they use the whole bandwidth, and servers limit their number. */
const defaultConnections = 4;

export interface PullOptions {
  /** The folder of downloads. */
  readonly folder: string;
  /** Token of Hugging Face, for private and gated repositories. */
  readonly token?: string | undefined;
  /** URL of a mirror of Hugging Face. */
  readonly endpoint?: string | undefined;
  /** URL of a mirror of Ollama's registry. */
  readonly ollamaEndpoint?: string | undefined;
  /** Parallel connections per file; by default 4. */
  readonly connections?: number;
  /** Ask the server even if the model is in the folder, and download a newer version. By default false. */
  readonly update?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called for each piece that arrives. */
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PulledModel extends DownloadedModel {
  /** False when the model was already in the folder. */
  readonly downloaded: boolean;
}

/** Parses the reference of a download. @throws WaggleError invalid_argument if the reference is malformed, or a path */
export function parsePullable(reference: string, endpoint: string = defaultEndpoint): RemoteTarget {
  const target = parseReference(reference, endpoint);
  if (target.kind !== "path") return target;
  const wanted = "hf:user/repo:quant, ollama:name:tag or a URL is wanted";
  throw new WaggleError("invalid_argument", `Cannot download model ${reference}: it is a path; ${wanted}`);
}

/**
 * Makes sure that a model is in the folder. Resumes an interrupted download, and waits while another process downloads the model.
 * @param reference `hf:user/repo:quant`, `hf:user/repo/file.gguf`, `ollama:name:tag`, or a URL with or without `#sha256=…`
 * @throws WaggleError unavailable if the model cannot be downloaded; invalid_argument if the reference is malformed, or a path; the signal's reason
 *   when it aborts
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
          credentials: hubCredentials(token, endpoint),
          connections: options.connections ?? defaultConnections,
          stallTimeoutMs,
          update,
          signal,
          onProgress: options.onProgress,
        });
  const model = await describeDownload(path);
  if (model === undefined) throw cannotDownload(reference, "the file was removed after the download");
  return { ...model, downloaded };
}
