// Owns model names for Ollama's clients: with a tag, and only with characters that these clients accept.
import { getModel } from "@waggle/jobs";
import { WaggleError, refuseField } from "@waggle/protocol";
import type { OllamaModelFields } from "@waggle/protocol";
import type { ServedModel, ServedModels } from "../../server/context.ts";

/** Tag of names without a tag. */
const defaultTag = ":latest";
const shownChars = 256;

/** `Waggle Tiny Stories` becomes `Waggle-Tiny-Stories:latest`; `u/r:Q8_0` does not change. */
export function publicName(served: string): string {
  return withTag(served.replace(/[^A-Za-z0-9._:/-]+/g, "-"));
}

/** Whether the name means this model: its name or public name, with or without the tag; case does not matter. */
export function isNameOf(asked: string, served: string): boolean {
  const wanted = withTag(asked.toLowerCase());
  return [served, publicName(served)].some((name) => withTag(name.toLowerCase()) === wanted);
}

export interface AskedModel {
  /** The model's name as in the request. */
  readonly asked: string;
  readonly served: ServedModel;
}

/** @throws WaggleError invalid_argument if the request names no model, not_found for an unknown name */
export function askedModel({ model, name }: OllamaModelFields, models: ServedModels): AskedModel {
  const asked = askedName({ model, name });
  const served = findModel(asked, models.all()) ?? models.fallback;
  if (served !== undefined) return { asked, served };
  throw modelNotFound(asked, models);
}

/** An exact match has priority: names may differ only in case, or in characters that public names replace. */
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
  throw refuseField("model", "it is required");
}

/** The error has Ollama's message, for which Ollama's clients search. */
function modelNotFound(asked: string, models: ServedModels): WaggleError {
  const hint = models.all().length === 0 ? `: this server has no models. ${getModel}.` : "";
  return new WaggleError("not_found", `model '${asked.slice(0, shownChars)}' not found${hint}`);
}

function withTag(name: string): string {
  return name.lastIndexOf(":") > name.lastIndexOf("/") ? name : name + defaultTag;
}
