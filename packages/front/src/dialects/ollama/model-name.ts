// Owns the name of the served model as Ollama's clients know it: with a tag, and in characters that they take.
import { WaggleError } from "@waggle/protocol";
import type { OllamaModelFields } from "@waggle/protocol";
import type { ServedModel, ServedModels } from "../../server/context.ts";

/** The tag of a name without one. */
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

export interface AskedModel {
  /** The name that the request has for it. */
  readonly asked: string;
  readonly served: ServedModel;
}

/**
 * The model that a request is about.
 * @throws WaggleError invalid_argument where it names none, not_found where it names one that is not there
 */
export function askedModel({ model, name }: OllamaModelFields, models: ServedModels): AskedModel {
  const asked = askedName({ model, name });
  const served = findModel(asked, models.all()) ?? models.fallback;
  if (served !== undefined) return { asked, served };
  throw modelNotFound(asked);
}

/** Two models may differ by capitals, or by characters that a public name replaces: an exact name means exactly that model. */
function findModel(asked: string, all: readonly ServedModel[]): ServedModel | undefined {
  const by = (isMeant: (known: string) => boolean): ServedModel | undefined =>
    all.find(({ name, aliases }) => [name, ...aliases].some(isMeant));
  return (
    by((known) => known === asked) ??
    by((known) => publicName(known) === withTag(asked)) ??
    by((known) => isNameOf(asked, known))
  );
}

/** @throws WaggleError invalid_argument */
export function askedName({ model, name }: OllamaModelFields): string {
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
