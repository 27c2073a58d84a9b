// Owns the short names under which models are served when nobody gives them another: what a person would call them. Pure.
import { reservedModelNames } from "@waggle/protocol";
import { withoutPart } from "./model-names.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";

/**
 * The name of what a reference names: `qwen2.5-0.5b-instruct-q4_k_m` for `hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M`, `llama3.2:3b` for
 * `ollama:llama3.2:3b`, of a path or a URL the file's name. Two references may have one name: `uniqueName` tells them apart.
 * @throws WaggleError invalid_argument when the reference makes no sense
 */
export function nameOf(reference: string, endpoint: string = defaultEndpoint): string {
  const target = parseReference(reference, endpoint);
  if (target.kind === "path") return nameOfFile(reference);
  if (target.kind === "file") return nameOfFile(decodeURIComponent(new URL(target.url).pathname));
  if (target.kind === "ollama") return plain(target.tag === "latest" ? target.model : `${target.model}:${target.tag}`);
  const base = target.repo.replace(/-gguf$/i, "");
  return plain(target.tag === undefined ? base : `${base}-${target.tag}`);
}

/** Of a GGUF file, by its path. */
export function nameOfFile(path: string): string {
  const file = path.split(/[/\\]/).at(-1) ?? "";
  return plain(withoutPart(file).replace(/\.gguf$/i, ""));
}

/** What was downloaded without a note of its reference: its file name begins with where it is from. */
export function nameOfDownload(fileName: string): string {
  const name = withoutPart(fileName).replace(/\.gguf$/i, "");
  const [, user, model, tag] = /^ollama_([^+]+)\+([^+]+)\+([^+]+)$/.exec(name) ?? [];
  if (user !== undefined && model !== undefined) return plain(tag === "latest" ? model : `${model}:${tag}`);
  const rest = /^hf_[^_]+_(.+)$/.exec(name)?.[1] ?? name;
  const quantization = quantizationIn(rest);
  return plain(quantization === undefined ? rest : rest.replace(`.${quantization}`, `-${quantization}`));
}

/** The name, or with a number behind it when it is taken or reserved: `x`, `x-2`, `x-3`. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name) && !reservedModelNames.has(name)) return name;
  for (let number = 2; ; number += 1) {
    if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
  }
}

/** Of a name that we make: with a number behind it, it is still one that a request may have. */
const mostNameChars = 200;

function plain(name: string): string {
  const words = name.toLowerCase().replace(/[^\p{L}\p{N}._:+]+/gu, "-");
  return words.replace(/^[-.]+|[-.]+$/g, "").slice(0, mostNameChars) || "model";
}
