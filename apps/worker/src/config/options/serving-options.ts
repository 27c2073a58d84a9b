// Owns the settings of the served models, and of how they share the machine.
import type { OptionRows } from "@waggle/daemon";
import { baseUrl, boolean, byteSize, integer, keepAlive, lines, list, text } from "@waggle/daemon";

const maxReferenceChars = 4_096;
const maxNameChars = 256;

/** Parses `name=reference`, or a reference alone: in a path or URL, a slash or a colon comes before any equals sign. */
export function givenModel(
  item: string,
): { readonly name: string | undefined; readonly reference: string } | undefined {
  if (item === "" || item.length > maxReferenceChars) return undefined;
  const [, name, reference] = /^([^=/\\:]+)=(.+)$/s.exec(item) ?? [];
  if (name === undefined || reference === undefined) return { name: undefined, reference: item };
  return name.trim() === "" || name.length > maxNameChars ? undefined : { name: name.trim(), reference };
}

function givenAlias(item: string): { readonly alias: string; readonly name: string } | undefined {
  const [, alias = "", name = ""] = /^([^=]+)=(.+)$/.exec(item) ?? [];
  const fits = [alias, name].every((one) => one.trim() !== "" && one.length <= maxNameChars);
  return fits ? { alias: alias.trim(), name: name.trim() } : undefined;
}

export const servingOptions = {
  models: {
    flag: "model",
    value: "[name=]model",
    group: "Model",
    help: "GGUF file, hf:user/repo:quant, ollama:name:tag or a URL (repeatable)",
    schema: lines("models: files or references, each with or without name= before it", givenModel),
    defaultText: "the embedded story teller",
    repeatable: "\n",
  },
  modelRef: {
    flag: "model-ref",
    value: "name",
    group: "Model",
    help: "name to serve the model under, if there is only one",
    schema: text(1, maxNameChars),
    defaultText: "the GGUF's general.name, else its file name; for downloads, the short reference",
  },
  modelsFolder: {
    flag: "models-dir",
    value: "folder",
    group: "Model",
    help: "folder of models to serve, also for downloads",
    schema: text(1, maxReferenceChars),
    defaultText: "$XDG_CACHE_HOME/waggle/models, or ~/.cache/waggle/models, only for downloads",
  },
  offline: {
    flag: "offline",
    group: "Model",
    help: "no downloads: a model that is not on disk is an error",
    schema: boolean(),
    default: "false",
  },
  hubUrl: {
    flag: "hub-url",
    value: "url",
    group: "Model",
    help: "hub of models to search and to download hf: references from",
    schema: baseUrl(),
    default: "https://huggingface.co",
    sharedVariable: "HF_ENDPOINT",
    advanced: true,
  },
  defaultModel: {
    flag: "default-model",
    value: "name",
    group: "Model",
    help: "model for requests that name an unknown one",
    schema: text(1, maxNameChars),
    defaultText:
      "the only model; in local mode without named models, the last used one; otherwise an unknown name is an error",
  },
  aliases: {
    flag: "alias",
    value: "alias=name",
    group: "Model",
    help: "another name for a model (repeatable)",
    schema: list("alias=name", givenAlias),
    repeatable: ",",
  },
  pinnedModels: {
    flag: "pin",
    value: "name",
    group: "Model",
    help: "model to load at the start and never unload (repeatable)",
    schema: list("names", (name) => (name === "" ? undefined : name)),
    repeatable: ",",
  },
  chatTitles: {
    flag: "chat-titles",
    group: "Model",
    help: "let the model write titles of conversations in the chat page",
    schema: boolean(),
    default: "false",
  },
  keepAliveMs: {
    flag: "keep-alive",
    value: "duration",
    group: "Model",
    help: "unload a model this long after its last job; 0 at once, -1 never",
    schema: keepAlive(),
    defaultText: "forever with one model, 5m with several",
  },
  memoryBudgetBytes: {
    flag: "memory-budget",
    value: "size",
    group: "Model",
    help: "memory for all models together; 0 for no limit",
    schema: byteSize("0", "16384GiB"),
    defaultText: "no limit with one model; with several, 80 % of the memory that is free at the start",
  },
  maxLoadedModels: {
    flag: "max-loaded-models",
    value: "n",
    group: "Model",
    help: "largest number of models in memory, 1 to 64",
    schema: integer(1, 64),
    default: "4",
  },
} as const satisfies OptionRows;
