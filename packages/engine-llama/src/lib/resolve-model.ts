// Owns how a reference becomes a file on this machine: a path is itself, everything else is looked for in one folder and then downloaded.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { resolveModelFile } from "node-llama-cpp";
import { cannotDownload, downloadModel, remoteOptions, type DownloadProgress } from "./download.ts";
import { cannotLoad, fileReason } from "./load-error.ts";
import { reachHost } from "./reach-host.ts";

/** How long a download may bring nothing. The library itself would try for a quarter of an hour. */
const stallTimeoutMs = 60_000;
const defaultEndpoint = "https://huggingface.co/";

export interface ResolveModelOptions {
  /** Where downloads are kept. */
  readonly folder: string;
  /** Use what is there, and never the network. */
  readonly offline: boolean;
  /** For Hugging Face, where a repository is not open to all. */
  readonly token?: string;
  /** A mirror of Hugging Face. */
  readonly endpoint?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/**
 * The absolute path of a model. `hf:user/repo:quant`, `hf:user/repo/file.gguf` and URLs name files in the folder, which are downloaded
 * when they are missing; one that was cut off continues where it stopped. Anything else is a path.
 * @throws WaggleError unavailable when there is no such file or it cannot be had; invalid_argument when the reference makes no sense; the
 *   signal's reason when it aborts
 */
export async function resolveModel(reference: string, options: ResolveModelOptions): Promise<string> {
  const { folder, offline, token, endpoint = defaultEndpoint, signal, onProgress } = options;
  signal?.throwIfAborted();
  if (!/^(hf:|https?:\/\/)/.test(reference)) return await resolvePath(reference);
  const present = await findPresent(reference, folder, endpoint);
  if (present !== undefined) return resolve(present);
  if (offline) throw cannotDownload(reference, `offline mode, and it is not in ${folder}`);
  await reachHost(reference, reference.startsWith("hf:") ? endpoint : reference, signal);
  return await downloadModel(reference, { folder, token, endpoint, stallTimeoutMs, signal, onProgress });
}

async function resolvePath(path: string): Promise<string> {
  try {
    await stat(path);
  } catch (error) {
    throw cannotLoad(path, fileReason(error), error);
  }
  return resolve(path);
}

async function findPresent(reference: string, folder: string, endpoint: string): Promise<string | undefined> {
  try {
    return await resolveModelFile(reference, { directory: folder, download: false, ...remoteOptions(endpoint) });
  } catch (error) {
    const { message } = error as Error;
    if (/download is disabled|not all split parts/i.test(message)) return undefined;
    if (!/invalid/i.test(message)) throw cannotDownload(reference, message, error);
    throw new WaggleError("invalid_argument", `Cannot resolve model ${reference}: ${message}`, { cause: error });
  }
}
