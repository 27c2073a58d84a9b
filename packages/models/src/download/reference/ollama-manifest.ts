// Asks Ollama's registry for the file of a tag, and for the texts stored with the file. The registry has version 2 of the API for container
// images: a manifest lists layers by digest, and each layer is a blob (https://distribution.github.io/distribution/spec/api/). Ollama keeps the
// same manifests in its folder.
import { nameOnDisk } from "../folder/model-names.ts";
import { DownloadError } from "../transfer/download-error.ts";
import { mostJsonBytes, openUrl, readText, type OpenOptions } from "../transfer/open-url.ts";
import type { FileTarget, OllamaTarget } from "./parse-reference.ts";

/** Digits of a projector's SHA-256 in the name of its file. */
const hashChars = 12;
const mostLayers = 100;
/** Templates and parameters are text of a few kilobytes. */
const mostExtraBytes = 256 * 1024;
const manifestType = "application/vnd.docker.distribution.manifest.v2+json";
const layerType = /^application\/vnd\.ollama\.image\.(\w+)(?:;|$)/;
/** Types of the layers that Waggle keeps with the model. */
const extraLayers = new Set(["template", "system", "params", "messages"]);

interface Layer {
  /** Last word of the layer's media type. */
  readonly type: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

interface TagFiles {
  readonly model: Layer;
  readonly projector: Layer | undefined;
  readonly layers: readonly Layer[];
}

/** @throws DownloadError; the signal's reason when it aborts */
export async function askRegistry(target: OllamaTarget, endpoint: string, options: OpenOptions): Promise<FileTarget> {
  const base = `${endpoint.replace(/\/*$/, "/")}v2/${[target.user, target.model].map(encodeURIComponent).join("/")}`;
  const url = `${base}/manifests/${encodeURIComponent(target.tag)}`;
  const { response } = await openUrl(url, { ...options, headers: { accept: manifestType } });
  const { model, projector, layers } = filesOfTag(await readText(response, mostJsonBytes, options.signal));
  const blob = (sha256: string): string => `${base}/blobs/sha256:${sha256}`;
  const extras: Record<string, unknown> = {};
  for (const { type, sha256, sizeBytes } of layers) {
    if (!extraLayers.has(type) || type in extras || sizeBytes > mostExtraBytes) continue;
    const opened = await openUrl(blob(sha256), options);
    const text = await readText(opened.response, mostExtraBytes, options.signal);
    extras[type] = type === "params" || type === "messages" ? keepable(text) : text;
  }
  const file = ({ sha256 }: Layer): Pick<FileTarget, "kind" | "url" | "sha256" | "credentials"> => {
    return { kind: "file", url: blob(sha256), sha256, credentials: undefined };
  };
  return {
    ...file(model),
    name: target.name,
    extras,
    projector:
      projector === undefined
        ? undefined
        : { ...file(projector), name: projectorName(target, projector.sha256), extras: undefined },
  };
}

/** @param manifest the text of a tag's manifest. @throws DownloadError if Waggle cannot serve the tag */
export function filesOfTag(manifest: string): TagFiles {
  const layers = layersIn(manifest);
  const models = layers.filter(({ type }) => type === "model");
  const [model] = models;
  if (model === undefined) throw new DownloadError("the tag has no GGUF file");
  if (models.length > 1) throw new DownloadError("the tag has several model files, and Waggle loads only one");
  if (layers.some(({ type }) => type === "adapter")) {
    throw new DownloadError("it is an adapter for another model, not a whole model");
  }
  return { model, projector: layers.find(({ type }) => type === "projector"), layers };
}

/** Tags of a model that have the same projector share its file. */
function projectorName({ user, model }: OllamaTarget, sha256: string): string {
  return nameOnDisk(`mmproj_ollama_${user}+${model}+${sha256.slice(0, hashChars)}.gguf`.toLowerCase());
}

function layersIn(text: string): readonly Layer[] {
  const layers = (parsed(text) as { layers?: unknown } | null | undefined)?.layers;
  if (!Array.isArray(layers)) throw new DownloadError("the tag's manifest is invalid");
  return layers.slice(0, mostLayers).flatMap((value: unknown) => {
    const { mediaType, digest, size } = (value ?? {}) as { mediaType?: unknown; digest?: unknown; size?: unknown };
    const type = typeof mediaType === "string" ? layerType.exec(mediaType)?.[1] : undefined;
    const sha256 = typeof digest === "string" ? /^sha256:([\da-f]{64})$/.exec(digest)?.[1] : undefined;
    return type === undefined || sha256 === undefined ? [] : [{ type, sha256, sizeBytes: Number(size) }];
  });
}

/** @returns undefined if the text is not JSON, or nested so deep that the record of the download could not be written or would be too long */
function keepable(text: string): unknown {
  const value = parsed(text);
  try {
    return (JSON.stringify(value, undefined, 1)?.length ?? 0) > mostExtraBytes ? undefined : value;
  } catch {
    return undefined;
  }
}

/** @returns undefined if the text is not JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
