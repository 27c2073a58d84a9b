// Makes the default names under which models are served: short, as a person would type them. Pure.
import { reservedModelNames } from "@waggle/protocol";
import { withoutPart } from "../folder/model-names.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";

/**
 * The default name of the model behind a reference: `qwen2.5-0.5b-instruct-q4_k_m` for `hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M`, `llama3.2:3b` for
 * `ollama:llama3.2:3b`; for a path or a URL the file's name. Two references may get the same name: `uniqueName` tells them apart.
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

/** The default name of a GGUF file, from its path. */
export function nameOfFile(path: string): string {
  const file = path.split(/[/\\]/).at(-1) ?? "";
  return plain(withoutPart(file).replace(/\.gguf$/i, ""));
}

/** The name, with a number appended when it is taken or reserved: `x`, `x-2`, `x-3`. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name) && !reservedModelNames.has(name)) return name;
  for (let number = 2; ; number += 1) {
    if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
  }
}

/** Limit for generated names: short enough that a request accepts the name with a number appended. */
const mostNameChars = 200;

function plain(name: string): string {
  const words = name.toLowerCase().replace(/[^\p{L}\p{N}._:+]+/gu, "-");
  return words.replace(/^[-.]+|[-.]+$/g, "").slice(0, mostNameChars) || "model";
}
