// Measures decisions: all questions about a state in one request, each question in a separate request without a common prefix, and one chat
// completion of the state with one question, in turn. Also the gaps of three streams while the questions of one request are answered.
import { resolve } from "node:path";
import {
  guarded,
  integerOf,
  markdownTable,
  percentile,
  RefusedError,
  send,
  startWorker,
  sum,
  type ProcessGroups,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell, ratioOf } from "./lib/alternate.ts";
import { chat } from "./lib/chat.ts";
import { gapsDuring, type Gaps, type Span } from "./lib/gaps-during.ts";
import { calibratePrompts } from "./worker/prompts.ts";

interface Flags {
  readonly model: string;
  readonly threads?: string;
  readonly stateTokens: string;
  readonly questions: string;
  readonly rounds: string;
}

export function addDecide(command: Command): void {
  command
    .requiredOption("--model <gguf>", "the worker's model")
    .option("--threads <n>", "the worker's threads (default: its own choice)")
    .option("--state-tokens <n>", "tokens of the state", "2000")
    .option("--questions <n>", `number of questions of ${questionTokens} tokens each`, "20")
    .option("--rounds <n>", "measured rounds, after one warm-up round", "5")
    .action((flags: Flags) => guarded("bench decide", (groups) => measure(groups, flags)));
}

interface Figures extends Span {
  /** Tokens of the prompts, and those of them that were not in the cache. */
  readonly promptTokens: number;
  readonly computedTokens: number;
}

const questionTokens = 80;
const maxQuestions = 400;
const limitMs = 600_000;

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const stateTokens = integerOf("--state-tokens", flags.stateTokens, 32, 100_000);
  const questions = integerOf("--questions", flags.questions, 1, maxQuestions);
  const threads = flags.threads === undefined ? [] : ["--threads", flags.threads];
  const contextSize = String(stateTokens + (questions + 1) * 2 * questionTokens);
  await using worker = await startWorker(groups, {
    flags: ["--model", resolve(flags.model), "--slots", "4", "--context-size", contextSize, ...threads],
    readyLimitMs: limitMs,
  });
  const { url } = worker;
  const prompts = await calibratePrompts((text) => countTokens(url, text));
  const asked = Array.from({ length: questions }, (_, i) => `${prompts.continuation(questionTokens, i).trim()}?`);
  // A state of another number has other first words, so that no request has a cached prefix.
  let states = 0;
  const nextState = (): string => prompts.make(stateTokens, (states += 1));
  const together = (): Promise<Figures> => decide(url, nextState(), asked);
  const apart = async (): Promise<Figures> => {
    const from = performance.now();
    const answers: Figures[] = [];
    for (const question of asked) answers.push(await decide(url, nextState(), [question]));
    const total = (pick: (one: Figures) => number): number => sum(answers.map(pick));
    const tokens = {
      promptTokens: total((one) => one.promptTokens),
      computedTokens: total((one) => one.computedTokens),
    };
    return { from, to: performance.now(), ...tokens };
  };
  const completion = async (): Promise<Figures> => {
    const content = `${nextState()}\n\n${asked[0]}`;
    const { sentAt: from, endedAt: to, promptTokens, cachedTokens } = await chat({ url, content, maxTokens: 1 });
    return { from, to, promptTokens, computedTokens: promptTokens - cachedTokens };
  };
  const sides = [
    { name: "chat completion, 1 question", play: completion },
    { name: `1 request, ${questions} questions`, play: together },
    { name: `${questions} requests, 1 question each`, play: apart },
  ];
  const played = await alternate({
    ...{ sides, rounds, warmUp: 1, play: ({ play }: (typeof sides)[number]) => play() },
    progress: ({ name }, round, { from, to }) => `${round}, ${name}: ${(to - from).toFixed(0)} ms`,
  });
  const times = played.map((figures) => figures.map(({ from, to }) => to - from));
  const rows = sides.map(({ name }, i) => {
    const [ms = [], figures = []] = [times[i], played[i]];
    const tokens = (["promptTokens", "computedTokens"] as const).map((key) =>
      medianCell(
        figures.map((one) => one[key]),
        0,
      ),
    );
    return [name, medianCell(ms, 0), ratioOf(ms, times[0] ?? []).toFixed(2), ...tokens];
  });
  const head = ["", "ms", "times the completion", "prompt tokens", "computed tokens"];
  console.log(
    `Medians (quartiles) of ${rounds} rounds, a state of ${stateTokens} tokens.\n\n${markdownTable(head, rows)}`,
  );
  const gaps: Gaps<Figures>[] = [];
  for (let round = 0; round < rounds; round += 1) gaps.push(await gapsDuring(url, together));
  const gapRow = (name: string, when: "usual" | "during"): string[] => {
    const cells = [0.5, 0.99, 1].map((share) =>
      medianCell(
        gaps.map((one) => percentile(one[when], share)),
        1,
      ),
    );
    return [name, ...cells];
  };
  const gapRows = [gapRow("without decisions", "usual"), gapRow("with decisions", "during")];
  console.log(`\nGaps of three streams, ms.\n\n${markdownTable(["", "p50", "p99", "longest"], gapRows)}`);
}

async function countTokens(url: string, content: string): Promise<number> {
  const answer = await send({ url: `${url}/tokenize`, body: { content } });
  return (JSON.parse(await answer.text()) as { readonly tokens: readonly unknown[] }).tokens.length;
}

interface Usage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number };
}

/** @throws RefusedError when the worker refuses the request */
async function decide(url: string, input: string, asked: readonly string[]): Promise<Figures> {
  const questions = asked.map((instructions) => ({ type: "predicate", instructions }));
  const body = { model: "any", input, questions };
  const answer = await send({ url: `${url}/v1/decisions`, body, silenceMs: limitMs });
  const text = await answer.text();
  const to = performance.now();
  if (answer.status !== 200) throw new RefusedError(answer.status, text);
  const { input_tokens: promptTokens, input_tokens_details: details } = (JSON.parse(text) as { usage: Usage }).usage;
  return { from: answer.sentAt, to, promptTokens, computedTokens: promptTokens - details.cached_tokens };
}
