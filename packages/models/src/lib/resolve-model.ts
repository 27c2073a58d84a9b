// Owns how a reference becomes a file on this machine: a path is itself, everything else is looked for in one folder and then downloaded.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { downloadModel } from "./download.ts";
import { cannotDownload } from "./download-error.ts";
import { findPresent } from "./find-present.ts";
import { parseReference } from "./parse-reference.ts";
import type { PullProgress } from "./progress.ts";

/** How long a download may bring nothing. */
const stallTimeoutMs = 60_000;
/** Of each file at once. More are no faster where one of them already fills the line, and servers do not like many. */
const defaultConnections = 4;
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
  /** Of each file at once. Default 4. */
  readonly connections?: number;
  readonly signal?: AbortSignal;
  /** Called for every piece that arrives. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/**
 * The absolute path of a model. `hf:user/repo:quant`, `hf:user/repo/file.gguf` and URLs, with `#sha256=…` or without, name files in the
 * folder, which are downloaded when they are missing; one that was cut off continues where it stopped. Of a split model the path is that
 * of the first part. Anything else is a path.
 * @throws WaggleError unavailable when there is no such file or it cannot be had; invalid_argument when the reference makes no sense; the
 *   signal's reason when it aborts
 */
export async function resolveModel(reference: string, options: ResolveModelOptions): Promise<string> {
  const { offline, token, endpoint = defaultEndpoint, signal, onProgress, connections = defaultConnections } = options;
  signal?.throwIfAborted();
  const target = parseReference(reference, endpoint);
  if (target.kind === "path") return await resolvePath(reference);
  const folder = resolve(options.folder);
  const present = await findPresent(folder, target);
  if (present !== undefined) return present;
  if (offline) throw cannotDownload(reference, `offline mode, and it is not in ${folder}`);
  const credentials =
    token === undefined ? undefined : { origin: new URL(endpoint).origin, authorization: `Bearer ${token}` };
  return await downloadModel(reference, target, {
    folder,
    endpoint,
    credentials,
    connections,
    stallTimeoutMs,
    signal,
    onProgress,
  });
}

async function resolvePath(path: string): Promise<string> {
  try {
    await stat(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" || code === "ENOTDIR" ? "no such file" : message;
    throw new WaggleError("unavailable", `Cannot load model ${path}: ${reason}`, { cause: error });
  }
  return resolve(path);
}
