// Tells from names of files which are projectors, to which model a projector belongs, and which of several projectors is best.
import { knownQuantizations } from "../reference/quantizations.ts";
import { withoutPart } from "./model-names.ts";

/** Half precision is exact enough, and small. bf16 is slow on many processors, and F32 is twice as large. */
const bestFirst: readonly (string | undefined)[] = ["F16", "BF16", "Q8_0", "F32"];

/** @param name name or path of a GGUF file */
export function isProjectorName(name: string): boolean {
  return /mmproj[^/\\]*\.gguf$/i.test(name);
}

/**
 * The files that may be a model's projector, the best first.
 * @param model name of the model's file
 * @param names names of the GGUF files in the model's folder or repository
 */
export function projectorsAmong(names: readonly string[], model: string): readonly string[] {
  const stem = stemOf(model);
  // A repository may have thousands of files: each name is read once.
  const projectors = names
    .filter(isProjectorName)
    .map((name) => ({ name, stem: stemOf(name), rank: rankOf(name) }))
    .toSorted((one, other) => one.rank - other.rank || (one.name < other.name ? -1 : 1));
  const isNamed = (projector: { readonly stem: string }): boolean => belongs(projector.stem, stem);
  // A longer name in common is the more exact one: gemma-3-4b-it before gemma-3.
  const named = projectors.filter(isNamed).toSorted((one, other) => other.stem.length - one.stem.length);
  const models = new Set(names.filter((name) => !isProjectorName(name) && !/imatrix/i.test(name)).map(stemOf));
  // Next to a single model, in one or more quantizations, every projector is that model's.
  const all = models.size > 1 ? named : [...named, ...projectors.filter((projector) => !isNamed(projector))];
  return all.map(({ name }) => name);
}

/** Whether a projector of this name is for the model. A fine-tuned model has the projector of the model that its name begins with. */
function belongs(projector: string, model: string): boolean {
  return projector !== "" && (model === projector || model.startsWith(`${projector}-`));
}

function rankOf(name: string): number {
  const [last] = [...name.matchAll(quantization)].at(-1) ?? [];
  const rank = bestFirst.indexOf(last?.toUpperCase());
  return rank < 0 ? bestFirst.length : rank;
}

const quantization = new RegExp(`(?<![a-z\\d])(?:${knownQuantizations.join("|")})(?![a-z\\d])`, "gi");

/** Words in the names of a model's quantizations that do not name the model. `ud`: quantized by importance. */
const dynamicWords: ReadonlySet<string> = new Set(["ud"]);
const projectorWords: ReadonlySet<string> = new Set(["mmproj", "model", "ud"]);

/**
 * The name of a model without its quantization, or the name of the model in the name of its projector: `gemma-3-4b-it` for `gemma-3-4b-it-Q4_K_M.gguf` and
 * `mmproj-gemma-3-4b-it-f16.gguf`; "" for `mmproj-model-f16.gguf`.
 */
export function stemOf(name: string): string {
  const words = withoutPart(name)
    .toLowerCase()
    .replace(/\.gguf$/, "")
    .replace(quantization, "-")
    .split(/[^a-z\d]+/);
  const left = isProjectorName(name) ? projectorWords : dynamicWords;
  return words.filter((word) => word !== "" && !left.has(word)).join("-");
}
