// Resolves a reference to a local file: a path is used as it is; any other model is looked for in one folder and downloaded if it is missing.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { cannotDownload } from "../transfer/download-error.ts";
import { findPresent } from "./find-present.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";
import { pullModel, type PullOptions } from "./pull-model.ts";

export interface ResolveModelOptions extends Omit<PullOptions, "update"> {
  /** Use only local files, and send no requests. */
  readonly offline: boolean;
}

/**
 * The absolute path of a model. A model that is not in the folder is downloaded by `pullModel`. For a split model the result is the path of the first
 * part.
 * @throws WaggleError unavailable when there is no such file or it cannot be had; invalid_argument when the reference makes no sense; the
 *   signal's reason when it aborts
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
