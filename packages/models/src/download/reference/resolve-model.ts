// Resolves a reference to the path of a local file, and downloads the model if it is missing.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { firstPart } from "../folder/model-names.ts";
import { cannotDownload } from "../transfer/download-error.ts";
import { findPresent } from "./find-present.ts";
import { defaultEndpoint, likelyReference, parseReference } from "./parse-reference.ts";
import { pullModel, type PullOptions } from "./pull-model.ts";

export interface ResolveModelOptions extends Omit<PullOptions, "update"> {
  /** Send no requests, and only use local files. */
  readonly offline: boolean;
}

/**
 * Downloads the model, as `pullModel` does, if the reference is not a path and the model is not in the folder.
 * @returns the absolute path of the model, or of the first part of a split model
 * @throws WaggleError unavailable if the file does not exist or cannot be downloaded; invalid_argument if the reference is malformed; the signal's
 *   reason when it aborts
 */
export async function resolveModel(reference: string, options: ResolveModelOptions): Promise<string> {
  const { offline, endpoint = defaultEndpoint, signal } = options;
  signal?.throwIfAborted();
  const target = parseReference(reference, endpoint);
  if (target.kind === "path") return await resolvePath(reference);
  const folder = resolve(options.folder);
  const present = await findPresent(folder, target);
  if (present !== undefined) return present;
  if (offline) throw cannotDownload(reference, `offline mode, and it is not in ${folder}`);
  return (await pullModel(reference, options)).path;
}

/** A second sentence for a file that does not exist, if its name looks like a download; empty otherwise. */
export function downloadHint(path: string): string {
  const likely = likelyReference(path);
  return likely === undefined ? "" : `. To download a model with this name, use ${likely}`;
}

async function resolvePath(path: string): Promise<string> {
  try {
    await stat(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" || code === "ENOTDIR" ? `no such file${downloadHint(path)}` : message;
    throw new WaggleError("unavailable", `Cannot load model ${path}: ${reason}`, { cause: error });
  }
  // A split model is loaded by its first part, whichever part was named.
  return resolve(firstPart(path));
}
