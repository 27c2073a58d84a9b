// Checks the calls of one family with a real worker. Its scripted model only begins calls and ends answers; all other tokens are sampled at random
// from those that the grammar allows.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inLanes, send, startWorker, type ProcessGroups, type Worker } from "@waggle/testing/harness";
import { writeScriptedModel, type ScriptedModel } from "@waggle/testing/models";
import type { CallFamily } from "./families.ts";
import { callFault, tools } from "./tools.ts";

export const toolChoices = ["required", "auto"] as const;
export type ToolChoice = (typeof toolChoices)[number];

export interface CallsResult {
  readonly choice: ToolChoice;
  readonly answers: number;
  /** Calls in all answers together. */
  readonly calls: number;
  readonly valid: number;
  readonly promptTokens: number;
  /** Answers whose prompt was not in a KV cache. */
  readonly promptsComputed: number;
  /** Computed prompt tokens of all answers together. */
  readonly computedTokens: number;
  readonly completionTokens: number;
  readonly seconds: number;
  readonly faults: readonly string[];
}

export interface CheckOptions {
  readonly groups: ProcessGroups;
  readonly template: string;
  /** Number of answers for each tool choice. */
  readonly answers: number;
  readonly slots: number;
}

const context = 8_192;
const maxTokens = 2_000;
const silenceMs = 120_000;
/** High enough for random tokens, and low enough for the scripted tokens to win. */
const temperature = 2;

interface Completion {
  readonly choices: readonly {
    readonly finish_reason: string;
    readonly message: {
      readonly content: string | null;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
  }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  };
}

export async function checkCalls(family: CallFamily, options: CheckOptions): Promise<CallsResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-calls-"));
  const model = writeScriptedModel({ path: join(folder, "scripted.gguf"), template: options.template, context });
  const flags = ["--model", model.path, "--slots", String(options.slots)];
  await using worker = await startWorker(options.groups, { flags });
  const results: CallsResult[] = [];
  for (const choice of toolChoices) results.push(await checkChoice(family, choice, worker, model, options));
  return results;
}

async function checkChoice(
  family: CallFamily,
  choice: ToolChoice,
  worker: Worker,
  model: ScriptedModel,
  { answers, slots }: CheckOptions,
): Promise<CallsResult> {
  const ask = async (seed: number): Promise<Completion> => {
    const body = bodyOf(choice, seed);
    const answer = await send({ url: `${worker.url}/v1/chat/completions`, body, silenceMs });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`Cannot check ${family.template}: ${answer.status} ${text}`);
    return JSON.parse(text) as Completion;
  };
  // The script begins after the prompt, whose length the first answer reports.
  const before = await worker.metrics();
  const { usage } = await ask(0);
  const begun = await worker.metrics();
  model.say({ at: usage.prompt_tokens, say: choice === "auto" ? family.opening : (family.due ?? "") });
  const startedAt = performance.now();
  const completions = await inLanes(
    slots,
    Array.from({ length: answers }, (_, i) => 1 + i),
    ask,
  );
  const after = await worker.metrics();
  const grown = (name: string, since = before): number => after.sum(name) - since.sum(name);
  const calls = completions.flatMap(({ choices }) => choices.flatMap(({ message }) => message.tool_calls ?? []));
  const faults = completions.flatMap(faultsOf);
  return {
    choice,
    answers,
    calls: calls.length,
    valid: calls.filter((call) => callFault(call.function.name, call.function.arguments) === undefined).length,
    promptTokens: usage.prompt_tokens,
    promptsComputed: completions.filter(isComputed).length + (isComputed({ usage }) ? 1 : 0),
    computedTokens: grown("waggle_prompt_tokens_total") - grown("waggle_cached_prompt_tokens_total"),
    completionTokens: completions.reduce((sum, completion) => sum + completion.usage.completion_tokens, 0),
    seconds: (performance.now() - startedAt) / 1_000,
    faults: [...faults, ...unreadable(grown("waggle_unreadable_tool_calls_total", begun))],
  };
}

function bodyOf(choice: ToolChoice, seed: number): Readonly<Record<string, unknown>> {
  return {
    messages: [{ role: "user", content: "A table for four, and send the parcel." }],
    ...{ tools, tool_choice: choice, thinking_budget_tokens: 0 },
    ...{ temperature, top_k: 0, top_p: 1, min_p: 0, seed, max_tokens: maxTokens },
  };
}

/** The last prompt token is always computed, because sampling needs its logits. */
function isComputed({ usage }: Pick<Completion, "usage">): boolean {
  return usage.prompt_tokens - (usage.prompt_tokens_details?.cached_tokens ?? 0) > 1;
}

function faultsOf({ choices }: Completion): string[] {
  const [{ message, finish_reason: reason } = { message: { content: null }, finish_reason: "none" }] = choices;
  const calls = message.tool_calls ?? [];
  const faults = calls.flatMap(({ function: { name, arguments: args } }) => callFault(name, args) ?? []);
  if (calls.length === 0) faults.push(`no call, but the content ${JSON.stringify(message.content?.slice(0, 200))}`);
  if (reason !== "tool_calls") faults.push(`the finish reason is ${reason}`);
  if ((message.content ?? "").trim() !== "")
    faults.push(`content next to the call: ${JSON.stringify(message.content)}`);
  return faults;
}

function unreadable(count: number): string[] {
  return count === 0 ? [] : [`${count} pieces looked like calls and could not be parsed`];
}
