// Asks Hugging Face or Ollama's registry which file a tag refers to.
import { DownloadError } from "../transfer/download-error.ts";
import { nameOnDisk, partName, partsIn, quantizedName } from "../folder/model-names.ts";
import { openUrl, readJson, type OpenOptions } from "../transfer/open-url.ts";
import { askRegistry } from "./ollama-manifest.ts";
import {
  hubProjector,
  hubUrl,
  noSecrets,
  type FileTarget,
  type RemoteTarget,
  type TagTarget,
} from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";

export const defaultOllamaEndpoint = "https://registry.ollama.ai/";

export interface AskOptions extends OpenOptions {
  /** URL of Hugging Face or a mirror. */
  readonly endpoint: string;
  /** URL of Ollama's registry or a mirror. */
  readonly ollamaEndpoint: string;
}

const maxPathChars = 1_024;
/** The hub's manifest has the GGUF file's name only if the User-Agent contains llama-cpp. */
const userAgent = "llama-cpp";

/** @throws DownloadError; the signal's reason when it aborts */
export async function askForFile(target: RemoteTarget, options: AskOptions): Promise<FileTarget> {
  const { credentials, signal } = options;
  if (target.kind === "file") return target;
  if (target.kind === "tag") return await askHub(target, options.endpoint, { credentials, signal });
  return await askRegistry(target, options.ollamaEndpoint, { credentials: undefined, signal });
}

async function askHub(target: TagTarget, endpoint: string, options: OpenOptions): Promise<FileTarget> {
  const { user, repo, tag } = target;
  const words = [user, repo, "manifests", tag ?? "latest"].map(encodeURIComponent).join("/");
  const url = `${endpoint.replace(/\/*$/, "/")}v2/${words}`;
  const { response } = await openUrl(url, { ...options, headers: { "user-agent": userAgent } });
  const manifest = ((await readJson(response, "the hub's manifest", options.signal)) ?? {}) as Manifest;
  const path = pathIn(manifest.ggufFile);
  if (path === undefined) throw new DownloadError("the hub has no GGUF file for this reference");
  const projector = pathIn(manifest.mmprojFile);
  const quantization = tag?.toUpperCase() ?? quantizationIn(path);
  const whole = quantizedName(user, repo, quantization);
  const parts = partsIn(path);
  const name = parts === undefined ? whole : partName(whole, 1, parts);
  const hub = { endpoint, user, repo, branch: "main", path };
  return {
    ...noSecrets,
    ...{ kind: "file", url: hubUrl(hub), name: nameOnDisk(name), hub },
    projector: projector === undefined ? undefined : hubProjector({ ...hub, path: projector }),
  };
}

interface Manifest {
  readonly ggufFile?: { readonly rfilename?: unknown } | null;
  readonly mmprojFile?: { readonly rfilename?: unknown } | null;
}

function pathIn(file: Manifest["ggufFile"]): string | undefined {
  const path = file?.rfilename;
  return typeof path === "string" && path !== "" && path.length <= maxPathChars ? path : undefined;
}
