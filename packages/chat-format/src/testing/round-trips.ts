// Makes cases from any chat template: an assistant's message is rendered, and the text after the prompt is the answer with which a model would
// express this message.
import { isDeepStrictEqual } from "node:util";
import type { AnswerCase, ExpectedCall } from "./llama-cases.ts";
import { roundTripAnswers, type RoundTripAnswer } from "./round-trip-answers.ts";

/** @throws if the template refuses the values */
export type RenderTemplate = (values: Readonly<Record<string, unknown>>) => Promise<string>;

export interface RoundTrip extends AnswerCase {
  /** The template's values, apart from messages and tools. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** The reason why no case was made from an answer: the reason of the attempt that came furthest. */
export type SkipReason =
  | "the template refuses"
  | "thoughts are not rendered"
  | "content is not rendered"
  | "calls are not rendered"
  /** The turn does not begin with the prompt, so that the answer after the prompt is unknown. */
  | "the turn does not begin as the prompt"
  /** The prompt opens a thought, and the turn has its content within this thought. */
  | "content is rendered in an open thought"
  /** The turn is the same as with a thought instead of the content. */
  | "content is rendered as a thought"
  /** The answer switches thinking, but the prompt does not change. */
  | "thinking cannot be switched"
  | "the same as an earlier case";

export interface RoundTrips {
  readonly cases: readonly RoundTrip[];
  readonly skipped: readonly { readonly name: string; readonly reason: SkipReason }[];
}

type Values = Readonly<Record<string, unknown>>;

/** The form of a message: templates expect different forms. The form of a template's first rendered call is kept for the template's other calls. */
interface Shape extends CallShape {
  readonly values: Values;
  readonly thoughtAs: "reasoning_content" | "thinking" | "reasoning" | "parts";
}

interface CallShape {
  readonly argumentsAs: "object" | "text";
  readonly ids: "short" | "named";
}

const callShapes: readonly CallShape[] = [
  { argumentsAs: "object", ids: "short" },
  { argumentsAs: "text", ids: "short" },
  { argumentsAs: "object", ids: "named" },
  { argumentsAs: "text", ids: "named" },
];

interface Failure {
  readonly reason: SkipReason;
}

type Attempt = Failure | { readonly prompt: string; readonly text: string; readonly shape: Shape };

const tailLength = 200;
const user = { role: "user", content: "Hey there!" };
const settings = { bos_token: "", eos_token: "</s>" };

/**
 * Tokens that end an assistant's turn in llama.cpp's templates. These tokens stop the model, so they are not part of the model's answer. Some of them
 * also end parts within a turn: a token counts only after all parts of the answer.
 */
export const endsOfTurn = [
  ...["</s>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|eom|>", "<|end|>", "<|return|>", "<|call|>"],
  ...["<|calls|>", "<|flush|>", "<|end_of_text|>", "<|endoftext|>", "<|end_of_msg|>", "<|assistant_end|>"],
  ...["<|role_end|>", "<|message_sep|>", "<|END_OF_TURN_TOKEN|>", "<end_of_turn>", "<turn|>", "<|tool_response>"],
  ...["<｜end▁of▁sentence｜>", "<｜hy_eos:opensource｜>", "<end_of_sentence>", "<seed:eos>", "[e~[", "<SPECIAL_12>"],
  ...["</assistant>", "<sep>"],
];

/**
 * Makes the cases of one template, at most one for each of `roundTripAnswers`, in that order. All forms of a message are tried until the rendered
 * turn has all its parts; `expected` is the message.
 * @param template name of the template, which the cases get
 */
export async function roundTrips(template: string, render: RenderTemplate): Promise<RoundTrips> {
  const cases: RoundTrip[] = [];
  const skipped: { name: string; reason: SkipReason }[] = [];
  const seen = new Map<string, RoundTripAnswer>();
  let callsAs: CallShape | undefined;
  for (const answer of roundTripAnswers) {
    const attempt = await firstThatRenders(answer, callsAs ? [callsAs] : callShapes, render);
    if ("reason" in attempt) {
      skipped.push({ name: answer.name, reason: attempt.reason });
      continue;
    }
    if (answer.expected.calls) callsAs ??= attempt.shape;
    const promptTail = attempt.prompt.slice(-tailLength);
    const key = withBlanks(answer, JSON.stringify([promptTail, attempt.text, answer.tools]));
    const earlier = seen.get(key);
    if (earlier) {
      const same = isDeepStrictEqual(earlier.expected, answer.expected);
      const reason = same ? "the same as an earlier case" : "content is rendered as a thought";
      skipped.push({ name: answer.name, reason });
      continue;
    }
    seen.set(key, answer);
    cases.push({
      name: `${template}: ${answer.name}`,
      template,
      tools: answer.tools,
      promptTail,
      text: attempt.text,
      expected: answer.expected,
      values: attempt.shape.values,
    });
  }
  return { cases, skipped };
}

/** Openings of thoughts at the end of a prompt: `<think>`, `<seed:think>`, `<|START_THINKING|>`, `[THINK]`. */
const opensThought = /[<[][^<>[\]/]*think[^<>[\]/]*[>\]]\s*$/iu;

/** Reasons in the order of an attempt's steps. */
const progress: readonly SkipReason[] = [
  "thinking cannot be switched",
  "the template refuses",
  "the turn does not begin as the prompt",
  "content is rendered in an open thought",
  "calls are not rendered",
  "content is not rendered",
  "thoughts are not rendered",
];

async function firstThatRenders(
  answer: RoundTripAnswer,
  calls: readonly CallShape[],
  render: RenderTemplate,
): Promise<Attempt> {
  let furthest: Failure = { reason: "thinking cannot be switched" };
  // Settings that do not change the prompt do not change the turn.
  const prompts = new Set<string>();
  for (const values of await settingsOf(answer, render)) {
    const prompt = await promptOf(answer, values, render);
    if (prompt === undefined) furthest = further(furthest, { reason: "the template refuses" });
    if (prompt === undefined || prompts.has(prompt)) continue;
    prompts.add(prompt);
    for (const shape of shapesOf(answer, calls, values)) {
      const attempt = await attempted(answer, shape, prompt, render);
      if (!("reason" in attempt)) return attempt;
      furthest = further(furthest, attempt);
    }
  }
  return furthest;
}

function further(one: Failure, other: Failure): Failure {
  return progress.indexOf(other.reason) > progress.indexOf(one.reason) ? other : one;
}

/** The settings to try. If the answer does not set `thinking`: first the template's default, then thinking switched on and off. */
async function settingsOf(answer: RoundTripAnswer, render: RenderTemplate): Promise<readonly Values[]> {
  const { thinking } = answer;
  if (thinking === undefined) {
    const thinks = answer.expected.reasoning !== undefined;
    return [{}, ...switches(thinks), ...switches(!thinks)];
  }
  const found: Values[] = [];
  for (const [index, values] of switches(thinking).entries()) {
    const [prompt, opposite] = await Promise.all([
      promptOf(answer, values, render),
      promptOf(answer, switches(!thinking)[index] ?? {}, render),
    ]);
    if (prompt !== opposite) found.push(values);
  }
  return found;
}

function switches(on: boolean): readonly Values[] {
  return [{ enable_thinking: on }, { thinking: on }, { enable_thinking: on, thinking: on }];
}

function shapesOf(answer: RoundTripAnswer, calls: readonly CallShape[], values: Values): readonly Shape[] {
  const thoughts: readonly Shape["thoughtAs"][] =
    answer.expected.reasoning === undefined
      ? ["reasoning_content"]
      : ["reasoning_content", "thinking", "reasoning", "parts"];
  const tried = answer.expected.calls ? calls : callShapes.slice(0, 1);
  return thoughts.flatMap((thoughtAs) => tried.map((call) => ({ ...call, values, thoughtAs })));
}

async function attempted(
  answer: RoundTripAnswer,
  shape: Shape,
  prompt: string,
  render: RenderTemplate,
): Promise<Attempt> {
  const turn = await rendered(answer, shape.values, [user, message(answer, shape)], false, render);
  if (turn === undefined) return { reason: "the template refuses" };
  // The white space at the prompt's end may differ from the white space at the same place in the turn.
  const begin = prompt.trimEnd();
  if (!turn.startsWith(begin)) return { reason: "the turn does not begin as the prompt" };
  const said = turn.startsWith(prompt) ? turn.slice(prompt.length) : turn.slice(begin.length).trimStart();
  if (opensThought.test(prompt) && !/think/iu.test(said)) return { reason: "content is rendered in an open thought" };
  const reason = missing(answer, said);
  return reason ? { reason } : { prompt, text: withoutEnd(answer, said), shape };
}

async function promptOf(answer: RoundTripAnswer, values: Values, render: RenderTemplate): Promise<string | undefined> {
  return await rendered(answer, values, [user], true, render);
}

/** @returns undefined if the template refuses */
async function rendered(
  answer: RoundTripAnswer,
  values: Values,
  messages: readonly unknown[],
  add_generation_prompt: boolean,
  render: RenderTemplate,
): Promise<string | undefined> {
  const tools = answer.tools.map((tool) => ({ type: "function", function: tool }));
  const given = { ...settings, ...values, messages, add_generation_prompt, ...(tools.length > 0 && { tools }) };
  try {
    return await render(structuredClone(given));
  } catch {
    return undefined;
  }
}

function message({ expected }: RoundTripAnswer, shape: Shape): unknown {
  const { reasoning, content = "", calls } = expected;
  const inParts = reasoning !== undefined && shape.thoughtAs === "parts";
  return {
    role: "assistant",
    content: inParts
      ? [{ type: "thinking", thinking: reasoning }, ...(content ? [{ type: "text", text: content }] : [])]
      : content,
    ...(reasoning !== undefined && !inParts && { [shape.thoughtAs]: reasoning }),
    ...(calls && { tool_calls: calls.map((call, index) => toolCall(call, index, shape)) }),
  };
}

function toolCall(call: ExpectedCall, index: number, shape: Shape): unknown {
  return {
    // Mistral's templates require nine characters; Kimi's print the id instead of the name.
    id: shape.ids === "short" ? `call0000${String(index)}` : `functions.${call.name}:${String(index)}`,
    type: "function",
    function: {
      name: call.name,
      arguments: shape.argumentsAs === "object" ? call.arguments : JSON.stringify(call.arguments),
    },
  };
}

function missing({ words, expected }: RoundTripAnswer, said: string): SkipReason | undefined {
  if (words.calls?.some((word) => !said.includes(word))) return "calls are not rendered";
  if (words.pattern?.test(said) === false) return "calls are not rendered";
  // Arguments in the wrong form are printed as JSON within a string, or in Python's notation.
  const keys = (expected.calls ?? []).flatMap((call) => Object.keys(call.arguments ?? {}));
  if (keys.some((key) => said.includes(`\\"${key}\\"`) || said.includes(`'${key}':`))) return "calls are not rendered";
  // A list of parts in the wrong form is printed as data.
  if (/(["'])type\1: ?(["'])thinking\2/u.test(said)) return "thoughts are not rendered";
  if (words.content !== undefined && !said.includes(words.content)) return "content is not rendered";
  if (words.thought !== undefined && !said.includes(words.thought)) return "thoughts are not rendered";
  return undefined;
}

/** The text without the answer's words: equal for two answers whose difference the template does not show. */
function withBlanks({ words }: RoundTripAnswer, text: string): string {
  return [words.thought, words.content].reduce<string>((rest, word) => (word ? rest.replace(word, "_") : rest), text);
}

function withoutEnd({ words }: RoundTripAnswer, said: string): string {
  const all = [words.thought, words.content, ...(words.calls ?? [])].filter((word) => word !== undefined);
  const last = Math.max(...all.map((word) => said.lastIndexOf(word) + word.length));
  const ends = endsOfTurn.map((end) => said.indexOf(end, last)).filter((at) => at >= 0);
  return said.slice(0, Math.min(said.length, ...ends));
}
