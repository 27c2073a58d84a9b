// Owns the settings of the served models, and of how they share the machine.
import {
  advancedSetting,
  baseUrl,
  boolean,
  byteSize,
  inGroup,
  integer,
  keepAlive,
  lines,
  list,
  setting,
  text,
} from "@waggle/daemon";

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

export const servingOptions = inGroup("Model", {
  models: setting(
    "--model <[name=]model>",
    lines("models: files or references, each with or without name= before it", givenModel),
    {
      help: "GGUF file, hf:user/repo:quant, ollama:name:tag or a URL (repeatable)",
      defaultText: "the embedded story teller",
      repeatable: "\n",
    },
  ),
  modelRef: setting("--model-ref <name>", text(1, maxNameChars), {
    help: "name to serve the model under, if there is only one",
    defaultText: "the GGUF's general.name, else its file name, with - for spaces; for downloads, the short reference",
  }),
  modelsFolder: setting("--models-dir <folder>", text(1, maxReferenceChars), {
    help: "folder of models to serve, also for downloads",
    defaultText: "$XDG_CACHE_HOME/waggle/models, or ~/.cache/waggle/models, only for downloads",
  }),
  offline: setting("--offline", boolean(), {
    help: "no downloads: a model that is not on disk is an error",
    default: "false",
  }),
  hubUrl: advancedSetting("--hub-url <url>", baseUrl(), {
    help: "hub of models to search and to download hf: references from",
    default: "https://huggingface.co",
    sharedVariable: "HF_ENDPOINT",
  }),
  defaultModel: setting("--default-model <name>", text(1, maxNameChars), {
    help: "model for requests that name an unknown one",
    defaultText:
      "the only model; in local mode without named models, the last used one; otherwise an unknown name is an error",
  }),
  aliases: setting("--alias <alias=name>", list("alias=name", givenAlias), {
    help: "another name for a model (repeatable)",
    repeatable: ",",
  }),
  pinnedModels: setting(
    "--pin <name>",
    list("names", (name) => (name === "" ? undefined : name)),
    {
      help: "model to load at the start and never unload (repeatable)",
      repeatable: ",",
    },
  ),
  keepAliveMs: setting("--keep-alive <duration>", keepAlive(), {
    help: "unload a model this long after its last job; 0 at once, -1 never",
    defaultText: "forever with one model, 5m with several",
  }),
  memoryBudgetBytes: setting("--memory-budget <size>", byteSize("0", "16384GiB"), {
    help: "memory for all models together; 0 for no limit",
    defaultText: "no limit with one model; with several, 80 % of the memory that is free at the start",
  }),
  maxLoadedModels: setting("--max-loaded-models <n>", integer(1, 64), {
    help: "largest number of models in memory, 1 to 64",
    default: "4",
  }),
});
