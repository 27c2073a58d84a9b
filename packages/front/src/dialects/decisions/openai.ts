// Reads requests for decisions, and writes their answers.
import { refuseField } from "@waggle/protocol";
import type { DecisionAnswer, DecisionRequest, Usage } from "@waggle/protocol";
import { partsIn, readContent } from "../../conversation/parts.ts";
import type { Content, PromptMessage } from "../../conversation/parts.ts";
import { parsedArguments } from "../../conversation/messages.ts";
import { messagesOf } from "../responses/messages.ts";
import { optionOf } from "./questions.ts";
import type { Option, Question } from "./questions.ts";
import type { Decided } from "./readings.ts";
import { joined, render } from "./state.ts";
import type { Parts } from "./state.ts";

type AskedQuestion = DecisionRequest["questions"][number];
type Answer = DecisionAnswer["answers"][number];

/** @throws WaggleError invalid_argument naming the field */
export function questionOf(question: AskedQuestion, at: number): Question {
  const field = `questions.${at}`;
  const instructions = contentOf(readContent(question.instructions, `${field}.instructions`));
  if (instructions.every((part) => part.type === "text" && part.text.trim() === ""))
    throw refuseField(`${field}.instructions`, "must not be empty");
  return { type: question.type, field, instructions, options: optionsOf(question, field) };
}

function optionsOf(question: AskedQuestion, field: string): readonly Option[] {
  if (question.type === "predicate") return [optionOf("yes"), optionOf("no")];
  if (question.type === "score") return question.levels.map(({ label, description }) => optionOf(label, description));
  const seen = new Set();
  return question.choices.map(({ value, description }, at) => {
    if (seen.has(value)) throw refuseField(`${field}.choices.${at}.value`, "an earlier one is the same");
    seen.add(value);
    return optionOf(value, description);
  });
}

export function answerOf({ question, of, choice, score, confidence, mass }: Decided, name: string | null): Answer {
  const { type, options } = question;
  const shared = { x_label_mass: mass };
  switch (type) {
    case "predicate":
      return { type, name, probability: of(0), ...shared };
    case "choice": {
      const probabilities = options.map(({ value }, at) => ({ value, probability: of(at) }));
      return { type, name, choice, confidence, probabilities, ...shared };
    }
    case "score": {
      const probabilities = options.map(({ text: label }, value) => ({ value, label, probability: of(value) }));
      return { type, name, score, confidence, probabilities, ...shared };
    }
  }
}

export function usageOf({ prompt_tokens: input, cached_tokens: cached }: Usage): DecisionAnswer["usage"] {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input,
  };
}

/** @throws WaggleError invalid_argument naming the field */
export function stateOf(input: DecisionRequest["input"]): Parts {
  if (typeof input === "string") return render(input);
  const calls = new Set<string>();
  for (const [at, item] of input.entries()) {
    const isCall = item.type === "function_call" || item.type === "custom_tool_call";
    const isOutput = item.type === "function_call_output" || item.type === "custom_tool_call_output";
    if (!isCall && !isOutput) continue;
    const { call_id: id } = item;
    if (id == null) throw refuseField(`input.${at}.call_id`, "is missing");
    if (isCall) calls.add(id);
    else if (!calls.has(id)) throw refuseField(`input.${at}.call_id`, "no call before this output has this id");
  }
  const messages = messagesOf(undefined, input);
  const [message, ...more] = messages;
  // A single message of the user is the data; a conversation is data about its speakers.
  if (message?.role === "user" && more.length === 0) return contentOf(message.content);
  return render(messages.map(jsonOf));
}

/** The content of a message or of a question. @throws WaggleError invalid_argument naming a part that cannot be read */
function contentOf(content: Content): Parts {
  return joined(
    partsIn(content).map((part) => {
      if (part.type === "unread") throw refuseField(part.field, part.why);
      return part;
    }),
  );
}

/** A message as data: its role, its texts and pictures, and its calls. */
function jsonOf(message: PromptMessage): unknown {
  const content = contentOf(message.content ?? "").map((part) => (part.type === "text" ? part.text : part));
  const calls = message.role === "assistant" ? message.tool_calls : undefined;
  const data = calls?.map(({ id, function: called }) => ({
    id,
    name: called.name,
    arguments: parsedArguments(called.arguments),
  }));
  return {
    role: message.role,
    ...(content.length === 0 ? {} : { content: content.length === 1 ? content[0] : content }),
    ...(data === undefined ? {} : { calls: data }),
    ...(message.role === "tool" ? { call_id: message.tool_call_id } : {}),
  };
}
