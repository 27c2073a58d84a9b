// Gets the model behind a reference: finds it in the folder, or downloads it if it is missing or an update is requested.
import { dirname, join, resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { defaultOllamaEndpoint } from "./ask-for-file.ts";
import { downloadModel } from "../transfer/download.ts";
import { describeDownload, type DownloadedModel } from "../folder/find-downloads.ts";
import { readRecord } from "../folder/download-record.ts";
import { isProjectorName } from "../folder/projector-names.ts";
import { findPresent, partSizes } from "./find-present.ts";
import { defaultEndpoint, likelyReference, parseReference, type RemoteTarget } from "./parse-reference.ts";
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
  /** Also download the projector that the repository has for the model. By default true. */
  readonly projector?: boolean | undefined;
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
  if (target.kind === "file" && isProjectorName(new URL(target.url).pathname)) {
    const remedy = "download the model, and its projector comes along";
    throw new WaggleError("invalid_argument", `Cannot download model ${reference}: it is a projector; ${remedy}`);
  }
  if (target.kind !== "path") return target;
  const likely = likelyReference(reference);
  const wanted = "hf:user/repo:quant, ollama:name:tag or a URL is wanted";
  const isPath = /[/\\]|\.gguf$/i.test(reference);
  const unknown = isPath ? `it is a path; ${wanted}` : `${wanted}. "waggle pull" lists models for this machine`;
  const why = likely === undefined ? unknown : `${wanted}. Try ${likely}`;
  throw new WaggleError("invalid_argument", `Cannot download model ${reference}: ${why}`);
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
  if (present !== undefined && !(await lacksProjector(present, target, options))) {
    return { ...(await describe(reference, present)), downloaded: false };
  }
  const { path, downloaded } = await downloadModel(reference, target, {
    folder,
    endpoint,
    ollamaEndpoint: options.ollamaEndpoint ?? defaultOllamaEndpoint,
    credentials: hubCredentials(token, endpoint),
    connections: options.connections ?? defaultConnections,
    stallTimeoutMs,
    update,
    projector: options.projector ?? true,
    signal,
    onProgress: options.onProgress,
  });
  return { ...(await describe(reference, path)), downloaded };
}

async function describe(reference: string, path: string): Promise<DownloadedModel> {
  const model = await describeDownload(path);
  if (model === undefined) throw cannotDownload(reference, "the file was removed after the download");
  return model;
}

/** Whether a model in the folder may have a projector that is not here: its download may not have asked for one. */
async function lacksProjector(path: string, target: RemoteTarget, { projector = true }: PullOptions): Promise<boolean> {
  const isPlain = target.kind === "file" && target.hub === undefined;
  if (!projector || isPlain) return false;
  const record = await readRecord(path);
  if (typeof record?.projector !== "string") return record?.projector === undefined;
  return (await partSizes(join(dirname(path), record.projector))).includes(undefined);
}
