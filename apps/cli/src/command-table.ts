// Owns the list of commands, in the order of the help.
import type { ArgumentSpec, CommandSpec, DaemonSpec, OptionSpec } from "./command.ts";

const url: OptionSpec = {
  flags: "--url <url>",
  help: "the worker's address (default: $WAGGLE_URL, or this machine's)",
};
const json: OptionSpec = { flags: "--json", help: "print JSON" };
const hubUrl: OptionSpec = {
  flags: "--hub-url <url>",
  help: "hub of hf: references (default: $WAGGLE_HUB_URL, or $HF_ENDPOINT)",
};
/** A part of the past. */
const past: readonly OptionSpec[] = [
  { flags: "--since <time>", help: "from 10:00, 2026-01-31T10:00, or a duration ago such as 2h" },
  { flags: "--until <time>", help: "before this time, written as for --since" },
  { flags: "--job <id>", help: "only for the job with this id (see waggle jobs)" },
  { flags: "--client <name>", help: "only for the client whose API token has this name" },
];
const yes: OptionSpec = { flags: "--yes", help: "do not ask for confirmation" };
const model: ArgumentSpec = { name: "model", help: "name of a model", required: true };
const keepAlive: OptionSpec = {
  flags: "--keep-alive <time>",
  help: "unload the model this long after its last job, such as 5m; -1: never",
};
const set: OptionSpec = {
  flags: "--set <name=value>",
  help: "setting of the request, such as temperature=0.5 (repeatable)",
  repeatable: true,
};
const system: OptionSpec = { flags: "--system <text>", help: "system prompt" };
/** A command whose only argument is a model. @param flags of its example */
function onModel<const N extends string>(
  name: N,
  summary: string,
  options: readonly OptionSpec[],
  ...flags: readonly string[]
): CommandSpec & { readonly name: N } {
  return { name, summary, arguments: [model], options, examples: [["waggle", name, "qwen3-4b", ...flags].join(" ")] };
}

/** What decides on the memory of a model. */
export const fitSettings = [
  ...(["slots", "contextSize", "contextPool", "batchSize"] as const),
  ...(["cacheTypeK", "cacheTypeV", "flashAttention", "gpuLayers"] as const),
] as const;

export const commandTable = [
  {
    name: "chat",
    summary: "talk to a model",
    arguments: [{ name: "model", help: "name, file or reference; by default the worker's model" }],
    options: [url, system, set, { flags: "--no-history", help: "keep no history of typed messages" }],
    examples: ["waggle chat", "waggle chat ./qwen3-4b-q4_k_m.gguf", 'waggle chat --system "Answer in French."'],
  },
  {
    name: "run",
    summary: "print one answer and exit",
    arguments: [
      {
        name: "words",
        help: "optional name of a model, then the prompt; text from stdin is added to the prompt",
        variadic: true,
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
    name: "decide",
    summary: "answer a question about a text with probabilities",
    arguments: [{ name: "question", help: "question about the text of stdin and --file", required: true }],
    options: [
      url,
      { flags: "--model <name>", help: "name, file or reference (default: the worker's model)" },
      {
        flags: "--file <path>",
        help: "file with the text, added to that of stdin (repeatable)",
        repeatable: true,
      },
      {
        flags: "--choice <value>",
        help: "option, or option=description (repeatable; default: yes and no)",
        repeatable: true,
      },
      { flags: "--level <label>", help: "level of a scale, lowest first (repeatable)", repeatable: true },
      { flags: "--orders <n>", help: "1 or 2; 2: also ask with the options reversed, and average (default: 1)" },
      { flags: "--text", help: "score the options' texts instead of short labels" },
      { flags: "--json", help: "print the response as JSON" },
    ],
    examples: [
      'waggle decide "Does the customer want money back?" < mail.txt',
      'waggle decide "What should we do?" --choice refund --choice "replace=send a new one" --file mail.txt',
      'waggle decide "How angry is it?" --level calm --level annoyed --level furious --json < mail.txt',
    ],
  },
  {
    name: "batch",
    summary: "answer a file of requests in the background",
    arguments: [
      {
        name: "action",
        help: "run, list, cancel, pause or resume",
        required: true,
      },
      { name: "target", help: "run: file with a request in each line; others: id of a batch" },
    ],
    options: [
      url,
      { flags: "--out <file>", help: "file for the answers (default: next to the requests)" },
      { flags: "--body <file>", help: "JSON file with the fields that all requests share" },
      { flags: "--model <name>", help: "name, file or reference (default: the worker's model)" },
      { flags: "--endpoint <path>", help: "route that answers the requests (default: /v1/chat/completions)" },
      { flags: "--window <hours>", help: "hours until the batch expires (default: 24)" },
      { flags: "--again", help: "compute the answers again if an earlier batch has them" },
      json,
    ],
    examples: [
      "waggle batch run mails.jsonl --body labels.json --out answers.jsonl",
      "waggle batch run texts.jsonl --endpoint /v1/embeddings",
      "waggle batch list",
      "waggle batch cancel batch_2ff71d39",
    ],
  },
  {
    name: "launch",
    summary: "start a coding agent that uses a worker",
    arguments: [
      {
        name: "agent",
        help: "claude, codex, opencode, qwen, pi, cline or copilot",
        required: true,
      },
      { name: "args", help: "arguments of the agent, after --", variadic: true },
    ],
    options: [url, { flags: "--model <name>", help: "the worker's model (default: its default model)" }],
    examples: ["waggle launch claude", 'waggle launch codex --model qwen3-8b -- exec "What does this project do?"'],
  },
  {
    name: "list",
    summary: "list the models",
    options: [url, json],
    examples: ["waggle list", "waggle list --json"],
  },
  onModel("show", "show the details of a model", [url, json]),
  {
    name: "fit",
    summary: "show how much memory models need and this machine has",
    arguments: [
      {
        name: "models",
        help: "files, folders, downloads or references; hf:user/repo: all its quantizations; by default all models here",
        variadic: true,
      },
    ],
    options: [hubUrl, json],
    settings: fitSettings,
    examples: [
      "waggle fit hf:Qwen/Qwen3-4B-GGUF",
      "waggle fit ./qwen3-4b-q4_k_m.gguf --slots 4 --context-pool 65536",
      "waggle fit ~/models --cache-type-k q8_0 --cache-type-v q8_0",
    ],
  },
  {
    name: "ps",
    summary: "list the loaded models, with memory, slots and keep-alive",
    options: [url, json],
    examples: ["waggle ps"],
  },
  {
    name: "jobs",
    summary: "list the running and waiting jobs of a worker, gateway or hive",
    options: [url, { flags: "--ended", help: "list the last ended jobs, and where their time went" }, ...past, json],
    examples: ["waggle jobs", "waggle jobs --ended", "waggle jobs --since 10:00 --until 10:15 --client alice"],
  },
  {
    name: "cancel",
    summary: "cancel a job",
    arguments: [{ name: "job", help: "id of a job, as waggle jobs shows it", required: true }],
    options: [url, { flags: "--client <name>", help: "client of the job, if several have a job with this id" }, json],
    examples: ["waggle cancel job-2ff71d39…"],
  },
  {
    name: "usage",
    summary: "show jobs, tokens and quota of each client",
    options: [url, json],
    examples: ["waggle usage", "waggle usage --json"],
  },
  {
    name: "logs",
    summary: "print the last log lines of a worker, gateway or hive",
    options: [
      url,
      { flags: "-f, --follow", help: "print new lines until Ctrl-C" },
      { flags: "--lines <n>", help: "number of last lines, at most 5000 (default: 20, or 5000 of a given time)" },
      ...past,
      {
        flags: "--level <level>",
        help: "lowest level: trace, debug, info, warn, error or fatal",
      },
      { flags: "--json", help: "print a line of JSON for each log line" },
    ],
    examples: [
      "waggle logs -f",
      "waggle logs --since 10:00 --until 10:15 --client alice",
      "waggle logs --job job-2ff71d39…",
    ],
  },
  {
    name: "drain",
    summary: "let a worker or gateway finish its running jobs and exit",
    arguments: [{ name: "worker", help: "at a hive: id of the worker, as on the hive's page" }],
    options: [
      {
        flags: "--url <url>",
        help: "address of the worker, gateway or hive (default: $WAGGLE_URL, or this machine's)",
      },
      json,
    ],
    examples: ["waggle drain", "waggle drain worker-a --url http://hive:7700"],
  },
  {
    name: "pull",
    summary: "download a model, or show recommended models",
    arguments: [
      { name: "reference", help: "hf:user/repo:quant, ollama:name:tag or a URL (with #sha256=…); none: list models" },
    ],
    options: [
      url,
      { flags: "--name <name>", help: "name under which the model is served" },
      { flags: "--no-mmproj", help: "do not download the projector with which the model reads pictures" },
      hubUrl,
    ],
    examples: ["waggle pull", "waggle pull hf:Qwen/Qwen3-0.6B-GGUF:Q8_0"],
  },
  onModel("rm", "delete a downloaded model", [url, yes]),
  onModel("load", "load a model into memory", [url, keepAlive], "--keep-alive 1h"),
  onModel("unload", "remove a model from memory when its jobs have ended", [url]),
  onModel("pin", "keep a model loaded, or no longer with --off", [
    url,
    { flags: "--off", help: "let the model be unloaded again" },
  ]),
  {
    name: "swap",
    summary: "serve another file under a model's name without interrupting answers",
    arguments: [
      model,
      {
        name: "reference",
        help: "a file next to the current one or in the models folder, a name, or a reference",
        required: true,
      },
    ],
    options: [url, { flags: "--unload-first", help: "unload the old model first if memory cannot hold both" }],
    examples: ["waggle swap assistant hf:Qwen/Qwen3-4B-GGUF:Q5_K_M"],
  },
  {
    name: "doctor",
    summary: "check this machine for common problems and print how to fix them",
    options: [json],
    examples: ["waggle doctor"],
  },
  {
    name: "gpu",
    summary: "install the packages for a GPU and check them",
    arguments: [
      { name: "action", help: "add", required: true },
      { name: "device", help: "cuda or vulkan", required: true },
    ],
    options: [yes],
    examples: ["waggle gpu add cuda", "waggle gpu add vulkan --yes"],
  },
] as const satisfies readonly CommandSpec[];

export type CommandName = (typeof commandTable)[number]["name"];

/** Each daemon parses its flags itself, so its row lists no flags. */
export const daemonTable = [
  {
    name: "serve",
    summary: "start a worker: a server of models",
    usage: "[models...] [options]",
    examples: ["waggle serve", "waggle serve ./qwen3-4b-q4_k_m.gguf --slots 4", "waggle serve --help"],
  },
  {
    name: "gateway",
    summary: "start a gateway: one address for a fleet of workers",
    usage: "[options]",
    examples: ["waggle gateway --nats-url nats://127.0.0.1:4222"],
  },
  {
    name: "hive",
    summary: "start a hive: a list of workers, and a page with them",
    usage: "[options]",
    examples: ["waggle hive"],
  },
] as const satisfies readonly DaemonSpec[];

export type DaemonName = (typeof daemonTable)[number]["name"];
