// Owns the random requests of a simulation, and the expected text or scores of their answers.
import { expectedFakeLogprob, expectedFakeText, tokenizeFake } from "@waggle/engine";
import type { DecideWork, Picture, PromptInput } from "@waggle/engine";
import { GenerateRequestSchema, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";
import { cellsOf, picturedPrompt, randomPictures } from "./pictures.ts";
import type { Random } from "./random.ts";
import { endOfText, randomSay } from "./script.ts";

export interface SimulatedRequest extends GenerateRequest {
  readonly prompt: string;
  /** The pictures before the prompt: the request is then a conversation. One may occur twice. */
  readonly shown?: readonly Uint8Array[];
  /** The questions of a decide job, whose state is the prompt. */
  readonly questions?: readonly string[];
  /** The header `Idempotency-Key`. */
  readonly retryKey?: string;
}

const plain = GenerateRequestSchema.parse({ prompt: "x", temperature: 0, seed: 1 });

/** @param contextSize in tokens; some prompts are longer, and must be refused */
export function randomRequest(random: Random, contextSize: number): SimulatedRequest {
  const marker = random.pick([
    "",
    "[eog:0]",
    `[eog:${random.below(12)}]`,
    "[unicode]",
    `[unicode][eog:${random.below(20)}]`,
    `[fail:${random.below(8)}]`,
  ]);
  const filler = "bees and trees and ".repeat(8).slice(0, 1 + random.below(random.chance(0.05) ? 150 : 30));
  const shown = random.chance(0.25) ? { shown: randomPictures(random) } : {};
  return {
    ...plain,
    ...shown,
    prompt: `${random.pick(["", "You are a bee. "])}${marker}${filler}`.slice(
      0,
      random.chance(0.05) ? 200 : contextSize - 4,
    ),
    temperature: random.pick([0, 0.8]),
    seed: random.below(4),
    priority: random.chance(0.2) ? random.below(21) - 10 : 0,
    on_disconnect: random.chance(0.25) ? "continue" : "cancel",
    ...(random.chance(0.4) ? { max_tokens: 1 + random.below(24) } : {}),
    ...(random.chance(0.15) ? { stop: [random.pick([" the", " honey", "b", "🐝"])] } : {}),
    ...(random.chance(0.5) ? { session_id: random.pick(["s1", "s2"]) } : {}),
    ...(random.chance(0.15) ? { deadline_ms: 1 + random.below(4_000) } : {}),
    on_engine_loss: random.chance(0.2) ? "error" : "resume",
    ...(random.chance(0.1) ? { job_id: random.pick(["mine", "yours"]) } : {}),
    ...(random.chance(0.03) ? { grammar: "leaf ::= nothing" } : {}),
  };
}

/** A request for decisions. A state may be longer than the context, and must be refused then. */
export function randomDecision(random: Random): SimulatedRequest {
  const tooLong = random.chance(0.05);
  return {
    ...plain,
    prompt: tooLong ? "b".repeat(200) : "bees and trees".slice(0, 1 + random.below(14)),
    questions: Array.from({ length: 1 + random.below(5) }, (_, number) => `${number}?`),
    priority: random.chance(0.2) ? random.below(21) - 10 : 0,
    on_disconnect: random.chance(0.25) ? "continue" : "cancel",
    ...(random.chance(0.3) ? { session_id: random.pick(["s1", "s2"]) } : {}),
    ...(random.chance(0.15) ? { deadline_ms: 1 + random.below(4_000) } : {}),
  };
}

const answers = [["A"], ["B", "bee"], ["hive"]] as const;

export function decideWorkOf({ prompt, questions }: SimulatedRequest): DecideWork | undefined {
  const readings = questions?.map((text) => ({
    content: [{ type: "text" as const, text }],
    options: answers,
    ends: false,
  }));
  return readings && { kind: "decide", state: { messages: [{ role: "user", content: prompt }] }, readings };
}

/** The scores of each question by a pass for each answer. */
export function soloVectors({ prompt, questions = [] }: SimulatedRequest): readonly (readonly number[])[] {
  return questions.map((question) => {
    const context = tokenizeFake({ kind: "messages", messages: [{ role: "user", content: `${prompt}${question}` }] });
    const scoreOf = (answer: string): number => {
      const tokens = [...Buffer.from(answer)];
      return tokens.reduce((sum, token, i) => sum + expectedFakeLogprob([...context, ...tokens.slice(0, i)], token), 0);
    };
    return answers.map((texts) => Math.log(texts.reduce((sum, text) => sum + Math.exp(scoreOf(text)), 0)));
  });
}

/** A request with MCP tools. @param number names it in its calls, and in its key */
export function randomToolRequest(random: Random, number: number): SimulatedRequest {
  const own = { type: "function" as const, function: { name: "own", parameters: { type: "object" } } };
  const named = random.chance(0.1) ? random.pick(["mine", "yours"]) : `tools-${number}`;
  return {
    ...plain,
    prompt: randomSay(random, number),
    mcp_tools: "all",
    tools: [own],
    ignore_eos: true,
    stop: [endOfText],
    priority: random.chance(0.2) ? random.below(21) - 10 : 0,
    on_disconnect: random.chance(0.4) ? "continue" : "cancel",
    on_engine_loss: random.chance(0.3) ? "error" : "resume",
    ...(random.chance(0.1) ? { max_tokens: 20 + random.below(60) } : {}),
    ...(random.chance(0.5) ? { session_id: random.pick(["s1", "s2"]) } : {}),
    ...(random.chance(0.15) ? { deadline_ms: 1 + random.below(8_000) } : {}),
    ...(random.chance(0.7) ? { job_id: named } : { retryKey: named }),
  };
}

/** Whether the request is valid, but the model must refuse it: for its grammar or its length. */
export function isRefusedByModel(request: SimulatedRequest, contextSize: number): boolean {
  return request.grammar !== undefined || promptTokens(request) >= contextSize;
}

/** Number of prompt tokens: the fake model has a token per byte and a start token, and three more tokens around a message. */
export function promptTokens({ prompt, shown }: SimulatedRequest): number {
  return Buffer.byteLength(prompt) + 1 + (shown === undefined ? 0 : cellsOf(shown) + 3);
}

function promptOf({ prompt, shown }: SimulatedRequest): { prompt: PromptInput; pictures?: readonly Picture[] } {
  return shown === undefined ? { prompt: { kind: "text", text: prompt } } : picturedPrompt(prompt, shown);
}

/** The text of this many tokens, from an undisturbed job without stop strings. */
export function soloText(request: SimulatedRequest, completionTokens: number): string {
  const { temperature, seed, ignore_eos } = request;
  const { prompt, pictures } = promptOf(request);
  return expectedFakeText(prompt, { temperature, seed, ignore_eos }, completionTokens, pictures);
}

/** The text of this many tokens, cut before the first stop string. */
export function stoppedText(request: SimulatedRequest, completionTokens: number): string {
  const text = soloText(request, completionTokens);
  const starts = stopStringsOf(request)
    .map((stop) => text.indexOf(stop))
    .filter((at) => at >= 0);
  return starts.length === 0 ? text : text.slice(0, Math.min(...starts));
}
