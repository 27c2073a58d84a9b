// Tokenizes the prompts of a decide job with their answers: a prompt once, and only its end again with each answer.
import { answerStart, createReader, thoughtEndOf, type ChatFormat } from "@waggle/chat-format/format";
import { withCells, type AnswerTokenizer, type Token, type TokenizedAnswers } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { Conversation } from "./chat.ts";
import type { PromptPart } from "./prompt.ts";

export interface AnswerTokenizerOptions {
  readonly format: ChatFormat;
  /** Renders a conversation, with marks in texts of control tokens and in the places of pictures. */
  readonly render: (conversation: Conversation) => Promise<string>;
  /** Puts marks into texts of control tokens. */
  readonly guard: (text: string) => string;
  /** Tokenizes a whole prompt, with its pictures. */
  readonly tokenize: (rendered: string, conversation: Conversation) => Promise<PromptPart[]>;
  /** Tokenizes the end of a prompt. */
  readonly tokenizePart: (text: string) => Promise<Token[]>;
}

/** The answer that a rendered conversation shows in place of a real one. No template contains it. */
const probeAnswer = "0waggle0";

export function createAnswerTokenizer(options: AnswerTokenizerOptions): AnswerTokenizer {
  const { format, render, guard, tokenize, tokenizePart } = options;
  const openings = new Map<string, Promise<string>>();

  /** The text between the generation prompt and the answer. It does not depend on the messages, so it is found once. */
  async function openingFor(template: Conversation["template"]): Promise<string> {
    const key = JSON.stringify(template ?? {});
    const opening = openings.get(key) ?? findOpening(template);
    openings.set(key, opening);
    return await opening;
  }

  /** @throws WaggleError invalid_argument when the model always thinks and nothing shows how its answer begins */
  async function findOpening(template: Conversation["template"]): Promise<string> {
    const question = { role: "user", content: "Hello" } as const;
    const options = template === undefined ? {} : { template };
    const asked = await render({ messages: [question], ...options });
    const answered = await render({
      messages: [question, { role: "assistant", content: probeAnswer }],
      template: { ...template, continueFinalMessage: true },
    }).catch(() => "");
    const shown = answered.slice(0, -probeAnswer.length);
    const isShown = answered.endsWith(probeAnswer) && shown.startsWith(asked);
    const begun = isShown ? shown : asked;
    const opening = begun.slice(asked.length);
    const start = answerStart(format, begun);
    if (createReader({ format, tools: [], start }).in === "reasoning") return opening + thoughtEndOf(format);
    if (isShown || format.abilities.thinking !== "always") return opening;
    throw new WaggleError(
      "invalid_argument",
      "Cannot decide: this model always thinks, and its thought cannot be skipped.",
    );
  }

  /** Tokenizes the assistant's turn alone, with each answer. Undefined where its tokens depend on the text before it. */
  async function tokenizeTurns(
    prompt: string,
    answers: readonly string[],
    whole: readonly PromptPart[],
  ): Promise<{ readonly before: number; readonly turns: readonly Token[][] } | undefined> {
    const at = Math.max(...format.turnOpens.map((open) => prompt.lastIndexOf(open)));
    if (at <= 0) return undefined;
    const turn = prompt.slice(at);
    const alone = await tokenizePart(turn);
    const before = whole.length - alone.length;
    if (!alone.every((token, i) => whole[before + i] === token)) return undefined;
    const turns: Token[][] = [];
    for (const answer of answers) turns.push(await tokenizePart(turn + answer));
    return { before, turns };
  }

  return async (input, texts) => {
    const prompt = (await render(input)) + (await openingFor(input.template));
    const answers = texts.map(guard);
    const whole = await tokenize(prompt, input);
    const divided = await tokenizeTurns(prompt, answers, whole);
    if (divided !== undefined) return splitAnswers(whole, divided.turns, divided.before);
    const wholes: PromptPart[][] = [];
    for (const answer of answers) wholes.push(await tokenize(prompt + answer, input));
    return splitAnswers(whole, wholes, 0);
  };
}

/**
 * Ends the prompt where it has the same tokens alone and with every answer.
 * @param before number of the prompt's parts that `withAnswers` leaves out
 */
function splitAnswers(
  prompt: readonly PromptPart[],
  withAnswers: readonly (readonly PromptPart[])[],
  before: number,
): TokenizedAnswers {
  let end = Math.min(prompt.length, ...withAnswers.map(({ length }) => before + length - 1));
  // The same picture is another object each time it is read, so pictures are compared by their numbers.
  for (const parts of withAnswers) {
    let same = before;
    while (same < end && entryOf(parts[same - before]) === entryOf(prompt[same])) same += 1;
    end = same;
  }
  return {
    prompt: withCells(prompt.slice(0, end)),
    rests: withAnswers.map((parts) => parts.slice(end - before).filter((part) => typeof part === "number")),
  };
}

function entryOf(part: PromptPart | undefined): number | undefined {
  return typeof part === "object" ? part.entry : part;
}
