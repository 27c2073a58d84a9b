// Owns which file a reference means, where a server has to be asked for that.
import { askHub } from "./hub-manifest.ts";
import { askRegistry } from "./ollama-manifest.ts";
import type { OpenOptions } from "./open-url.ts";
import type { FileTarget, RemoteTarget } from "./parse-reference.ts";

export const defaultOllamaEndpoint = "https://registry.ollama.ai/";

export interface AskOptions extends OpenOptions {
  /** Of Hugging Face, or a mirror. */
  readonly endpoint: string;
  /** Of Ollama's registry, or a mirror. */
  readonly ollamaEndpoint: string;
}

/** @throws DownloadError; the signal's reason when it aborts */
export async function askForFile(target: RemoteTarget, options: AskOptions): Promise<FileTarget> {
  const { credentials, signal } = options;
  if (target.kind === "file") return target;
  if (target.kind === "tag") return await askHub(target, options.endpoint, { credentials, signal });
  return await askRegistry(target, options.ollamaEndpoint, { credentials: undefined, signal });
}
