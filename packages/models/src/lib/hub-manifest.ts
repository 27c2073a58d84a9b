// Owns the question to Hugging Face which file of a repository a tag means.
import { DownloadError } from "./download-error.ts";
import { nameOnDisk, formerNameOf, partName, partsIn, quantizedName } from "./model-names.ts";
import { openUrl, readText, type OpenOptions } from "./open-url.ts";
import { hubUrl, type FileTarget, type TagTarget } from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";

const maxManifestBytes = 8 << 20;
/** The hub names the GGUF file only to programs that it takes for llama.cpp. */
const userAgent = "llama-cpp";

/** @throws DownloadError; the signal's reason when it aborts */
export async function askHub(target: TagTarget, endpoint: string, options: OpenOptions): Promise<FileTarget> {
  const { user, repo, tag } = target;
  const words = [user, repo, "manifests", tag ?? "latest"].map(encodeURIComponent).join("/");
  const url = `${endpoint.replace(/\/*$/, "/")}v2/${words}`;
  const { response } = await openUrl(url, { ...options, headers: { "user-agent": userAgent } });
  const path = fileIn(await readText(response, maxManifestBytes, options.signal));
  const quantization = tag?.toUpperCase() ?? quantizationIn(path);
  const whole = quantizedName(user, repo, quantization);
  const parts = partsIn(path);
  const name = parts === undefined ? whole : partName(whole, 1, parts);
  return {
    kind: "file",
    url: hubUrl({ endpoint, user, repo, branch: "main", path }),
    name: nameOnDisk(name),
    formerName: formerNameOf(name),
    sha256: undefined,
    extras: undefined,
    credentials: undefined,
  };
}

function fileIn(text: string): string {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new DownloadError("the hub's manifest is not JSON", { cause: error });
  }
  const path = (manifest as { ggufFile?: { rfilename?: unknown } } | null)?.ggufFile?.rfilename;
  if (typeof path !== "string" || path === "") throw new DownloadError("the hub knows no GGUF file for it");
  return path;
}
