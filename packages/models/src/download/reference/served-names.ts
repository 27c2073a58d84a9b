// Makes the default names under which models are served. They are short enough to type.
import { reservedModelNames } from "@waggle/protocol";
import { withoutPart } from "../folder/model-names.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";

/**
 * Default name of the model behind a reference: `qwen2.5-0.5b-instruct-q4_k_m` for `hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M`, `llama3.2:3b` for
 * `ollama:llama3.2:3b`, and the file's name for a path or a URL. Several references may get the same name; use `uniqueName` then.
 * @throws WaggleError invalid_argument if the reference is malformed
 */
export function defaultModelName(reference: string, endpoint: string = defaultEndpoint): string {
  const target = parseReference(reference, endpoint);
  if (target.kind === "path") return nameOfFile(reference);
  if (target.kind === "file") return nameOfFile(decodeURIComponent(new URL(target.url).pathname));
  if (target.kind === "ollama") return plain(target.tag === "latest" ? target.model : `${target.model}:${target.tag}`);
  const base = target.repo.replace(/-gguf$/i, "");
  return plain(target.tag === undefined ? base : `${base}-${target.tag}`);
}

export function nameOfFile(path: string): string {
  const file = path.split(/[/\\]/).at(-1) ?? "";
  return plain(withoutPart(file).replace(/\.gguf$/i, ""));
}

/** Appends a number to a taken or reserved name: `x-2`, `x-3`. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name) && !reservedModelNames.has(name)) return name;
  for (let number = 2; ; number += 1) {
    if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
  }
}

/** Limit for generated names. It leaves room for an appended number within the limit of requests. */
const mostNameChars = 200;

function plain(name: string): string {
  const words = name.toLowerCase().replace(/[^\p{L}\p{N}._:+]+/gu, "-");
  return words.replace(/^[-.]+|[-.]+$/g, "").slice(0, mostNameChars) || "model";
}
