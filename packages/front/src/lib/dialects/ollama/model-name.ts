// Owns the name of the served model as Ollama's clients know it: with a tag, and in characters that they take.
import { WaggleError } from "@waggle/protocol";
import type { OllamaModelWishes } from "@waggle/protocol";

/** What stands for no tag at all. */
const defaultTag = ":latest";
const shownChars = 256;

/** `Waggle Tiny Stories` is `Waggle-Tiny-Stories:latest`, `u/r:Q8_0` stays. */
export function publicName(served: string): string {
  return withTag(served.replace(/[^A-Za-z0-9._:/-]+/g, "-"));
}

/** By its public name or its own, with or without the tag, in capitals or not. */
export function isNameOf(asked: string, served: string): boolean {
  const wanted = withTag(asked.toLowerCase());
  return [served, publicName(served)].some((name) => withTag(name.toLowerCase()) === wanted);
}

/**
 * The name that a request has for the model.
 * @throws WaggleError invalid_argument where it names none, not_found where it names another one
 */
export function askedModel({ model, name }: OllamaModelWishes, served: string): string {
  const asked = askedName({ model, name });
  if (!isNameOf(asked, served)) throw modelNotFound(asked);
  return asked;
}

/** @throws WaggleError invalid_argument */
export function askedName({ model, name }: OllamaModelWishes): string {
  const asked = model == null || model === "" ? name : model;
  if (asked != null && asked !== "") return asked;
  throw new WaggleError("invalid_argument", 'Cannot accept field "model": it is required.');
}

/** In Ollama's words, which its clients look for. */
function modelNotFound(asked: string): WaggleError {
  return new WaggleError("not_found", `model '${asked.slice(0, shownChars)}' not found`);
}

function withTag(name: string): string {
  return name.lastIndexOf(":") > name.lastIndexOf("/") ? name : name + defaultTag;
}
