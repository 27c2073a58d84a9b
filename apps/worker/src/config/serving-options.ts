// Owns the settings about which models are served, and how they share the machine.
import type { OptionRows } from "@waggle/daemon";
import { boolean, byteSize, integer, keepAlive, lines, list, text } from "@waggle/daemon";

const maxReferenceChars = 4_096;
const maxNameChars = 256;

/** A model as `--model` has it. */
export interface GivenModel {
  /** Undefined: it names itself. */
  readonly name: string | undefined;
  /** A path, or what can be downloaded. */
  readonly reference: string;
}

/** `name=reference`, or a reference alone: in a path or a URL something with a slash or a colon comes before any equals sign. */
export function givenModel(item: string): GivenModel | undefined {
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
    help: "GGUF file, or hf:user/repo:quant, ollama:name:tag or a URL to download; several times for several models",
    schema: lines("models: a file or a reference, with name= before it or without", givenModel),
    defaultText: "the embedded story teller",
    repeatable: "\n",
  },
  modelRef: {
    flag: "model-ref",
    value: "name",
    group: "Model",
    help: "name to serve the model under, if there is only one; it is not looked up anywhere",
    schema: text(1, maxNameChars),
    defaultText: "the GGUF's general.name, else its file name; of a download its reference in short",
  },
  modelsFolder: {
    flag: "models-dir",
    value: "folder",
    group: "Model",
    help: "folder whose models are served, and where downloads are kept",
    schema: text(1, maxReferenceChars),
    defaultText: "$XDG_CACHE_HOME/waggle/models, or ~/.cache/waggle/models, for downloads alone",
  },
  offline: {
    flag: "offline",
    group: "Model",
    help: "never download: use what is on disk, or fail",
    schema: boolean(),
    default: "false",
  },
  defaultModel: {
    flag: "default-model",
    value: "name",
    group: "Model",
    help: "model that answers requests for unknown names",
    schema: text(1, maxNameChars),
    defaultText: "the model, if there is only one; with several, an unknown name is an error",
  },
  aliases: {
    flag: "alias",
    value: "alias=name",
    group: "Model",
    help: "another name for a model; may be repeated",
    schema: list("alias=name", givenAlias),
    repeatable: ",",
  },
  pinnedModels: {
    flag: "pin",
    value: "name",
    group: "Model",
    help: "model to load at the start and never unload; may be repeated",
    schema: list("names", (name) => (name === "" ? undefined : name)),
    repeatable: ",",
  },
  keepAliveMs: {
    flag: "keep-alive",
    value: "duration",
    group: "Model",
    help: "how long a model stays loaded after its last job; 0 unloads it at once, -1 keeps it forever",
    schema: keepAlive(),
    defaultText: "forever with one model, 5m with several",
  },
  memoryBudgetBytes: {
    flag: "memory-budget",
    value: "size",
    group: "Model",
    help: "memory that all models may use together; 0 for no limit",
    schema: byteSize("0", "16384GiB"),
    defaultText: "no limit with one model; with several, four fifths of what is free at the start",
  },
  maxLoadedModels: {
    flag: "max-loaded-models",
    value: "n",
    group: "Model",
    help: "models in memory at the same time, 1 to 64",
    schema: integer(1, 64),
    default: "4",
  },
} as const satisfies OptionRows;
