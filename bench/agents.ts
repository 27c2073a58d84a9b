// Measures whether a worker with its default settings answers the first requests of coding agents while small chats stream: the time to the first
// token, what the chats notice, and the memory of the engine.
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { sleep } from "@waggle/async";
import { hyperparametersOf, readGgufFile } from "@waggle/models/header";
import {
  guarded,
  integerOf,
  markdownTable,
  promptTokens,
  repositoryPath,
  send,
  startWorker,
  stopwatch,
  sum,
  type Body,
  type CommandEnding,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { startChats, type ChatFigures } from "./agents/chats.ts";

interface Flags {
  readonly request: readonly string[];
  readonly model?: string;
  readonly program?: string;
  readonly flags?: string;
  readonly tokens: string;
}

export function addAgents(command: Command): void {
  command
    .requiredOption(
      "--request <file...>",
      "requests as JSON with path and body; xtask check clients --record makes them",
    )
    .option("--model <gguf>", "the worker's model (default: the embedded one)")
    .option("--program <file>", "program of the worker, such as that of a build (default: this checkout's source)")
    .option("--flags <text>", "other settings of the worker than the defaults, separated by spaces")
    .option("--tokens <n>", "tokens that are read of each answer", "64")
    .action((flags: Flags) => guarded("bench agents", (groups, ending) => measure(groups, flags, ending)));
}

/** The first request of an agent, as the agent sends it. */
interface AgentRequest {
  readonly name: string;
  readonly path: string;
  readonly body: Body;
}

const readyLimitMs = 600_000;
/** A small machine takes minutes for the prompt of an agent. */
const silenceMs = 3_600_000;
const chatsAloneMs = 20_000;
const progressEveryMs = 10_000;
const errorChars = 200;
const mebibyte = 1_048_576;

async function measure(groups: ProcessGroups, flags: Flags, { signal }: CommandEnding): Promise<void> {
  const requests = flags.request.map(readRequest);
  const tokens = integerOf("--tokens", flags.tokens, 1, 10_000);
  const model = resolve(flags.model ?? repositoryPath("models/waggle-tiny-stories.gguf"));
  await using worker = await startWorker(groups, {
    ...(flags.program === undefined ? {} : { command: [process.execPath, resolve(flags.program)] }),
    flags: ["--model", model, ...(flags.flags?.split(" ") ?? [])],
    readyLimitMs,
  });
  const memory = { loaded: engineMib(worker), chats: 0, agents: 0 };
  await using chats = startChats(worker.url);
  const rows: Asked[] = [];
  const figures: ChatFigures[] = [];
  const play = async (): Promise<void> => {
    await chats.streaming;
    const alone = performance.now();
    await sleep(chatsAloneMs, { signal });
    figures.push(chats.figuresSince(alone));
    memory.chats = engineMib(worker);
    const together = performance.now();
    using _progress = showStates(worker);
    rows.push(...(await Promise.all(requests.map((request) => ask(worker.url, request, tokens)))));
    figures.push(chats.figuresSince(together));
    memory.agents = engineMib(worker);
  };
  await Promise.race([play(), chats.over]);
  print(rows, figures);
  await printMemory(worker, model, memory);
}

function readRequest(file: string): AgentRequest {
  const { path, body } = JSON.parse(readFileSync(resolve(file), "utf8")) as Omit<AgentRequest, "name">;
  return { name: basename(file, ".json"), path, body };
}

interface Asked {
  readonly name: string;
  readonly bytes: number;
  readonly promptTokens: number;
  /** The status of the response, or the message of an error. */
  readonly outcome: string;
  readonly firstTokenMs: number;
  readonly tokens: number;
}

interface StreamEvent {
  readonly type?: string;
  readonly delta?: string | { readonly text?: string; readonly thinking?: string; readonly partial_json?: string };
}

/** The text, reasoning or arguments of an event in the dialects of the agents; "" in other events, and in the empty deltas that keep a stream alive. */
function textIn({ delta = "" }: StreamEvent): string {
  return typeof delta === "string" ? delta : (delta.text ?? delta.thinking ?? delta.partial_json ?? "");
}

const isFailure = (type: string | undefined): boolean => type === "error" || type === "response.failed";

/** The message of an error in any dialect. */
function messageIn(error: string): string {
  return /"message":"((?:[^"\\]|\\.)*)"/.exec(error)?.[1] ?? error.slice(0, errorChars);
}

/** Leaves the answer after so many tokens: a made-up model does not end it. */
async function ask(url: string, { name, path, body }: AgentRequest, most: number): Promise<Asked> {
  const facts = { name, bytes: JSON.stringify(body).length, promptTokens: await promptTokens(url, path, body) };
  const answer = await send({ url: url + path, body, silenceMs });
  if (answer.status !== 200) {
    const outcome = `${answer.status}: ${messageIn(await answer.text())}`;
    return { ...facts, outcome, firstTokenMs: Number.NaN, tokens: 0 };
  }
  let [tokens, firstAt, failure] = [0, Number.NaN, ""];
  const { over, leave } = answer.frames({
    onFrame({ data }, at) {
      const event = JSON.parse(data) as StreamEvent;
      if (isFailure(event.type)) failure = messageIn(data);
      if (textIn(event) === "") return;
      if (tokens === 0) firstAt = at;
      tokens += 1;
      if (tokens === most) leave();
    },
  });
  const { reason = "200" } = await over;
  return { ...facts, outcome: failure || reason, firstTokenMs: firstAt - answer.sentAt, tokens };
}

/** Shows the states of the slots until the result is disposed of. */
function showStates({ client }: Worker): Disposable {
  const elapsed = stopwatch();
  const timer = setInterval(() => {
    void client.slots().then(
      (slots) => {
        const states = slots.map(({ state, prompt_tokens: prompt }) => `${state} ${prompt}`).join(", ");
        process.stderr.write(`${Math.round(elapsed() / 1_000)} s: ${states}\n`);
      },
      () => {},
    );
  }, progressEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function print(rows: readonly Asked[], [before, during]: readonly ChatFigures[]): void {
  const asked = rows.map(({ name, bytes, promptTokens, outcome, firstTokenMs, tokens }) => [
    ...[name, String(bytes), String(promptTokens), outcome, (firstTokenMs / 1_000).toFixed(1), String(tokens)],
  ]);
  const head = ["request", "bytes", "prompt tokens", "status", "first token, s", "tokens read"];
  console.log(`${markdownTable(head, asked)}\n`);
  const chats = Object.entries({ "before the agents": before, "with the agents": during }).map(([name, figures]) => [
    ...[name, figures?.tokensPerSecond.toFixed(1) ?? ""],
    ...[figures?.longestGapMs.toFixed(0) ?? "", figures?.longestFirstTokenMs.toFixed(0) ?? ""],
  ]);
  console.log(`${markdownTable(["six chats", "tokens/s", "longest gap, ms", "longest first token, ms"], chats)}\n`);
}

async function printMemory(
  { client }: Worker,
  model: string,
  memory: Readonly<Record<"loaded" | "chats" | "agents", number>>,
): Promise<void> {
  const { slots, context_size: context = 0 } = await client.info();
  const bytes = await cellBytes(model);
  const rows = [
    ["with the model", memory.loaded],
    ["with the chats", memory.chats],
    ["with the agents' prompts", memory.agents],
    [`${slots} fixed slots of ${context} tokens alone`, (slots * context * bytes) / mebibyte],
  ] as const;
  const shown = rows.map(([name, mib]) => [name, mib.toFixed(0)]);
  console.log(markdownTable([`memory of the engine (${bytes} bytes per token)`, "MiB"], shown));
}

/** Memory of the engine process without its mapped files, such as the model. Linux only; see proc(5). */
function engineMib(worker: Worker): number {
  const status = readFileSync(`/proc/${worker.enginePid()}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}

/** Bytes of a token in the KV cache, with halves for keys and values, as by default. */
async function cellBytes(model: string): Promise<number> {
  const { kvHeadCounts, headCounts, embeddingLength = 0, ...lengths } = hyperparametersOf(await readGgufFile(model));
  const { keyLength = embeddingLength / (headCounts[0] ?? 1), valueLength = keyLength } = lengths;
  return 2 * sum(kvHeadCounts.map((heads) => heads * (keyLength + valueLength)));
}
