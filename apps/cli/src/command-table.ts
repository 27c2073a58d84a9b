// Owns which commands there are, in the order in which the help lists them.
import type { ArgumentSpec, CommandSpec, OptionSpec } from "./command.ts";

const url: OptionSpec = {
  flags: "--url <url>",
  help: "the worker's address (default: $WAGGLE_URL, or this machine's)",
};
const json: OptionSpec = { flags: "--json", help: "print JSON" };
const yes: OptionSpec = { flags: "--yes", help: "do not ask" };
const model: ArgumentSpec = { name: "model", help: "name of a model", required: true, completion: "model" };
const keepAlive: OptionSpec = {
  flags: "--keep-alive <time>",
  help: "how long it stays loaded after the last job: 5m, or -1 for forever",
};
const set: OptionSpec = {
  flags: "--set <name=value>",
  help: "a setting of the request, such as temperature=0.5 (repeatable)",
  repeatable: true,
};
const system: OptionSpec = { flags: "--system <text>", help: "system prompt" };

export const commandTable = [
  {
    name: "chat",
    summary: "talk to a model",
    arguments: [{ name: "model", help: "name, file or reference; the worker's own by default", completion: "model" }],
    options: [url, system, set, { flags: "--no-history", help: "do not read or save what was typed" }],
    examples: ["waggle chat", "waggle chat ./qwen3-4b-q4_k_m.gguf", 'waggle chat --system "Answer in French."'],
  },
  {
    name: "run",
    summary: "print one answer and exit",
    arguments: [
      {
        name: "words",
        help: "the prompt, with a model's name before it if you like; text from stdin is added to it",
        variadic: true,
        completion: "model",
      },
    ],
    options: [url, system, set, { flags: "--stats", help: "print tokens and times on stderr" }],
    examples: [
      'waggle run "Why is the sky blue?"',
      'waggle run qwen3-4b "Why is the sky blue?"',
      'git diff | waggle run "Write a commit message for this."',
    ],
  },
  {
    name: "list",
    summary: "list the models",
    options: [url, json, { flags: "--names", help: "print names only, and nothing if no worker answers" }],
    examples: ["waggle list", "waggle list --json"],
  },
  {
    name: "show",
    summary: "show the details of a model",
    arguments: [model],
    options: [url, json],
    examples: ["waggle show qwen3-4b"],
  },
  {
    name: "fit",
    summary: "show how much memory models need, and whether this machine has it",
    arguments: [
      {
        name: "models",
        help: "files, folders, names of downloads, references; hf:user/repo means all quantizations there; all downloads by default",
        variadic: true,
        completion: "model",
      },
    ],
    options: [
      { flags: "--slots <n>", help: "jobs that run side by side (this and the others as for waggle serve)" },
      { flags: "--context, --context-size <tokens>", help: "context of each slot" },
      { flags: "--batch-size <tokens>", help: "most tokens in a forward pass" },
      { flags: "--cache-type-k <type>", help: "number type of the K cache, such as q8_0" },
      { flags: "--cache-type-v <type>", help: "number type of the V cache" },
      { flags: "--flash-attention <when>", help: "on, off or auto" },
      { flags: "--gpu-layers <n>", help: "layers to put on a GPU: auto, all, or a number" },
      json,
    ],
    examples: [
      "waggle fit hf:Qwen/Qwen3-4B-GGUF",
      "waggle fit ./qwen3-4b-q4_k_m.gguf --slots 4 --context-size 32768",
      "waggle fit ~/models --cache-type-k q8_0 --cache-type-v q8_0",
    ],
  },
  {
    name: "ps",
    summary: "list the loaded models, with memory, slots and how long they stay",
    options: [url, json],
    examples: ["waggle ps"],
  },
  {
    name: "pull",
    summary: "download a model",
    arguments: [
      {
        name: "reference",
        help: "hf:user/repo:quant, ollama:name:tag, or a URL, with #sha256=… or without",
        required: true,
      },
    ],
    options: [url, { flags: "--name <name>", help: "serve it under this name" }],
    examples: ["waggle pull hf:Qwen/Qwen3-0.6B-GGUF:Q8_0"],
  },
  {
    name: "rm",
    summary: "delete a model that was downloaded",
    arguments: [model],
    options: [url, yes],
    examples: ["waggle rm qwen3-4b"],
  },
  {
    name: "load",
    summary: "load a model into memory",
    arguments: [model],
    options: [url, keepAlive],
    examples: ["waggle load qwen3-4b --keep-alive 1h"],
  },
  {
    name: "unload",
    summary: "remove a model from memory when its jobs have ended",
    arguments: [model],
    options: [url],
    examples: ["waggle unload qwen3-4b"],
  },
  {
    name: "pin",
    summary: "keep a model loaded",
    arguments: [model],
    options: [url, { flags: "--off", help: "undo it" }],
    examples: ["waggle pin qwen3-4b", "waggle pin qwen3-4b --off"],
  },
  {
    name: "swap",
    summary: "serve another file under a model's name without interrupting answers",
    arguments: [
      model,
      {
        name: "reference",
        help: "a file next to the current one or in the models folder, a name, or a reference to download",
        required: true,
      },
    ],
    options: [url, { flags: "--unload-first", help: "if both do not fit into memory, unload the old one first" }],
    examples: ["waggle swap assistant hf:Qwen/Qwen3-4B-GGUF:Q5_K_M"],
  },
  {
    name: "doctor",
    summary: "check this machine for common problems, and say what to do",
    options: [json],
    examples: ["waggle doctor"],
  },
  {
    name: "gpu",
    summary: "install what a GPU needs, and check that it works",
    arguments: [
      { name: "action", help: "add", required: true, completion: ["add"] },
      { name: "device", help: "cuda or vulkan", required: true, completion: ["cuda", "vulkan"] },
    ],
    options: [yes],
    examples: ["waggle gpu add cuda", "waggle gpu add vulkan --yes"],
  },
  {
    name: "completion",
    summary: "print completions for a shell",
    arguments: [{ name: "shell", help: "bash, zsh or fish", required: true, completion: ["bash", "zsh", "fish"] }],
    examples: ["source <(waggle completion bash)", "waggle completion fish > ~/.config/fish/completions/waggle.fish"],
  },
] as const satisfies readonly CommandSpec[];

export type CommandName = (typeof commandTable)[number]["name"];

/** Its flags are the worker's, and the worker reads them: it is no row of the table. */
export const serveCommand = {
  name: "serve",
  summary: "start a worker: models, and any flag of waggle-worker",
  examples: ["waggle serve", "waggle serve ./qwen3-4b-q4_k_m.gguf --slots 4", "waggle serve --help"],
} as const;
