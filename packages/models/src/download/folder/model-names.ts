// Makes the names of files in the models folder, with the same scheme as node-llama-cpp.
import { createHash } from "node:crypto";
import filenamify from "filenamify";
import { partNames } from "../../header/index.ts";

/** Longer names are cut. */
const maxNameChars = 100;
const hashChars = 8;
const mostParts = 1_000;
const splitPattern = /-(\d{5})-of-(\d{5})\.gguf$/;
const partEndingChars = "-00001-of-00001".length;

/** Number of parts of a file's model: 1 for the name of a whole file, and for a name with more than 1,000 parts or with a wrong number. */
export function partCount(name: string): number {
  const [part, parts] = (splitPattern.exec(name) ?? []).slice(1).map(Number);
  return part === undefined || parts === undefined || part < 1 || part > parts || parts > mostParts ? 1 : parts;
}

/** Names of all parts of a file's model. */
export function allParts(name: string): readonly string[] {
  return partCount(name) === 1 ? [name] : partNames(name);
}

/** One of `allParts`, counted from 1, without the work of making the others. */
export function partAt(name: string, part: number): string {
  return partCount(name) === 1 ? name : partName(withoutPart(name), part, partsIn(name) ?? "");
}

export function firstPart(name: string): string {
  return partAt(name, 1);
}

/** `name` without its part number: `a.gguf` for `a-00001-of-00003.gguf`. */
export function withoutPart(name: string): string {
  return name.replace(splitPattern, ".gguf");
}

/** Number of parts in the name of a split file, as five digits; undefined for other files. */
export function partsIn(name: string): string | undefined {
  return splitPattern.exec(name)?.[2];
}

export function partName(wholeName: string, part: number, parts: string): string {
  return wholeName.replace(/(\.gguf)?$/i, `-${String(part).padStart(5, "0")}-of-${parts}.gguf`);
}

/** Name of a file in the models folder. Long names are cut, and get a hash of the whole name so that they stay different. */
export function nameOnDisk(name: string): string {
  const parts = partsIn(name);
  if (name.length <= maxNameChars) return name;
  const whole = withoutPart(name);
  const keptChars = maxNameChars - ".gguf".length - hashChars - 1 - (parts === undefined ? 0 : partEndingChars);
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, hashChars);
  const cut = `${whole.replace(/\.gguf$/i, "").slice(0, keptChars)}-${hash}.gguf`;
  return parts === undefined ? cut : partName(cut, 1, parts);
}

/** Beginning of the local name of a file from a Hugging Face repository. */
export function hubPrefix(
  user: string,
  repo: string,
  branch: string,
  folders: readonly string[],
  name: string,
): string {
  const words = ["hf", filenamify(user)];
  if (!isNamedAfter(name, repo) || branch !== "main") words.push(filenamify(repo));
  if (branch !== "main") words.push(filenamify(branch));
  const last = folders.at(-1)?.toLowerCase();
  const kept =
    last ===
    withoutPart(name)
      .toLowerCase()
      .replace(/\.gguf$/, "")
      ? folders.slice(0, -1)
      : folders;
  if (kept.length > 0) words.push(filenamify(kept.join("__")));
  return `${words.join("_")}_`;
}

/** Local name of a repository's file with a quantization, in the spelling of the request. */
export function quantizedName(user: string, repo: string, quantization: string | undefined): string {
  const base = filenamify(repo.replace(/-gguf$/i, ""));
  const suffix = quantization === undefined ? "" : `.${quantization}`;
  return `${hubPrefix(user, repo, "main", [], `${base}.gguf`)}${base}${suffix}.gguf`;
}

function isNamedAfter(name: string, repo: string): boolean {
  const base = /^(.*)-gguf$/i.exec(repo)?.[1];
  return base !== undefined && /\.gguf$/i.test(name) && name.toLowerCase().startsWith(base.toLowerCase());
}
