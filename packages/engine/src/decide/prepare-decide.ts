// Prepares a decide job: tokenizes its readings, finds the prefix that all prompts have in common, and builds the tries of the answers.
import { WaggleError, requestLimits, requestSampling } from "@waggle/protocol";
import { firstEntries } from "../port/entries.ts";
import type { AnswerTokenizer, TextGenerator } from "../port/generator.ts";
import type { Entries, HeldEntry, PromptChunk } from "../port/kv.ts";
import type { EngineJob } from "../port/messages.ts";
import type { Pieces } from "../port/pieces.ts";
import type { Conversation, TemplateMessage } from "../port/prompts.ts";
import type { Token } from "../port/steps.ts";
import type { DecideWork, Reading } from "../port/work.ts";
import { commonPrefix } from "../kv/common-prefix.ts";
import { checkChars, checkLength } from "../port/prompt-length.ts";
import type { PreparedPrompt } from "../sequence/prepare.ts";
import { createAnswerTrie, type AnswerTrie } from "./answer-trie.ts";

export interface PreparedDecide extends PreparedPrompt<DecideWork> {
  readonly kind: "decide";
  readonly readings: readonly PreparedReading[];
  /** Number of entries of the longest branch with its prompt. */
  readonly longest: number;
}

/** `chunks` are those of the whole prompt. */
export interface PreparedReading extends Omit<Entries, "entries"> {
  /** The prompt's entries after the prefix, at least one. */
  readonly entries: readonly HeldEntry[];
  readonly trie: AnswerTrie;
  /** Number of entries that only this reading computes. */
  readonly ownTokens: number;
}

interface ModelFacts {
  readonly tokenize: AnswerTokenizer;
  readonly contextSize: number;
  readonly endTokens: readonly Token[];
}

interface TokenizedReading {
  /** At first the whole prompt. */
  entries: readonly HeldEntry[];
  readonly chunks: readonly PromptChunk[];
  readonly trie: AnswerTrie;
}

/** @throws WaggleError invalid_argument when a prompt does not fit into the context, or the job exceeds a limit of decisions */
export async function prepareDecide(
  generator: TextGenerator,
  contextSize: number,
  job: EngineJob<DecideWork>,
  pieces: Pieces,
): Promise<PreparedDecide> {
  const { work } = job;
  const tokenize = generator.answerTokenizer(work.pictures, pieces);
  let prefix: Entries | undefined;
  const readings: TokenizedReading[] = [];
  let [nodes, branches, branchTokens] = [0, 0, 0];
  for (const reading of work.readings) {
    pieces.signal?.throwIfAborted();
    const tokenized = await tokenizeReading(work, reading, { tokenize, contextSize, endTokens: generator.endTokens });
    nodes += tokenized.trie.nodes.reduce((sum, next) => sum + next.length, 0);
    branches += tokenized.trie.branches.length;
    branchTokens += tokensOf(tokenized.trie);
    checkDecisionLimit("decisionNodes", nodes);
    checkDecisionLimit("decisionBranches", branches);
    // The last entry of a prompt is computed by its reading, which needs the logits behind it.
    const most = tokenized.entries.length - 1;
    const length =
      prefix === undefined ? most : commonPrefix(prefix, tokenized.entries, Math.min(most, prefix.entries.length));
    // Entries that are not common any more belong to the readings before. Only what a reading has after the prefix is kept.
    const lost: readonly HeldEntry[] = prefix?.entries.slice(length) ?? [];
    if (lost.length > 0) for (const each of readings) each.entries = [...lost, ...each.entries];
    prefix = firstEntries(prefix ?? tokenized, length);
    readings.push({ ...tokenized, entries: tokenized.entries.slice(length) });
    const ownTokens = readings.reduce((sum, { entries }) => sum + entries.length, 0);
    checkDecisionLimit("decisionTokens", length + ownTokens + branchTokens);
  }
  if (prefix === undefined) throw new WaggleError("invalid_argument", "Cannot decide: there is no question.");
  const { entries, chunks } = prefix;
  const prepared = readings.map((reading) => ({
    ...reading,
    ownTokens: reading.entries.length + tokensOf(reading.trie),
  }));
  return {
    ...{ kind: "decide", job, prompt: entries, chunks, readings: prepared },
    promptTokens: prepared.reduce((sum, { ownTokens }) => sum + ownTokens, entries.length),
    reusableTokens: entries.length,
    longest: Math.max(...prepared.map((reading) => entries.length + longestOf(reading))),
    sampling: requestSampling({ seed: 0 }),
  };
}

async function tokenizeReading(
  work: DecideWork,
  reading: Reading,
  { tokenize, contextSize, endTokens }: ModelFacts,
): Promise<TokenizedReading> {
  const input = { kind: "messages" as const, ...conversationOf(work, reading) };
  checkChars(input, contextSize);
  const { prompt, rests } = await tokenize(input, reading.options.flat());
  const { entries, chunks } = prompt;
  let next = 0;
  const options = reading.options.map((texts) => {
    const answers = texts.flatMap(() => answersOf(rests[next++] ?? [], reading, endTokens));
    return [...new Map(answers.map((tokens) => [tokens.join(), tokens])).values()];
  });
  checkDistinct(options, reading);
  const tokenized = { entries, chunks, trie: createAnswerTrie(options) };
  checkLength(longestOf(tokenized), contextSize);
  return tokenized;
}

/** The conversation of one reading. */
export function conversationOf({ state }: DecideWork, { content }: Reading): Conversation {
  const { messages } = state;
  const last = messages.at(-1);
  const whole = last === undefined ? [] : [...messages.slice(0, -1), withContent(last, content)];
  return { ...state, messages: whole };
}

function withContent(message: TemplateMessage, added: Reading["content"]): TemplateMessage {
  const given =
    typeof message.content === "string" ? [{ type: "text" as const, text: message.content }] : message.content;
  const parts = [...given, ...added];
  // Templates join text parts in different ways, so text alone is one text.
  const isText = parts.every(({ type }) => type === "text");
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return { ...message, content: isText ? text : parts };
}

function answersOf(tokens: readonly Token[], { ends }: Reading, endTokens: readonly Token[]): (readonly Token[])[] {
  return ends ? endTokens.map((end) => [...tokens, end]) : [tokens];
}

/** @throws WaggleError invalid_argument where two options are the same for the model, for example because its tokens have no upper case */
function checkDistinct(options: readonly (readonly (readonly Token[])[])[], { options: texts }: Reading): void {
  const optionOf = new Map<string, number>();
  for (const [index, answers] of options.entries()) {
    for (const answer of answers) {
      const key = answer.join();
      const other = optionOf.get(key);
      if (other !== undefined) {
        const names = [other, index].map((option) => JSON.stringify(texts[option]?.[0] ?? ""));
        throw new WaggleError("invalid_argument", `Cannot decide: ${names.join(" and ")} have the same tokens.`);
      }
      optionOf.set(key, index);
    }
  }
}

function tokensOf({ branches }: AnswerTrie): number {
  return branches.reduce((sum, { newTokens }) => sum + newTokens, 0);
}

function longestOf({ entries, trie }: Pick<TokenizedReading, "entries" | "trie">): number {
  return entries.length + Math.max(...trie.branches.map(({ tokens }) => tokens.length));
}

const limited = {
  decisionNodes: "tokens of answers",
  decisionBranches: "beginnings of answers",
  decisionTokens: "tokens",
} as const;

/** @throws WaggleError invalid_argument */
export function checkDecisionLimit(limit: keyof typeof limited, count: number): void {
  const most = requestLimits[limit];
  if (count <= most) return;
  const what = limited[limit];
  throw new WaggleError("invalid_argument", `Cannot decide: the questions have more than ${most} ${what} together.`);
}
