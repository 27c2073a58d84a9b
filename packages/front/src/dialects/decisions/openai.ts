// Owns OpenAI's format of decisions. The shapes follow OpenAI's types (openai-node, resources/decisions.d.ts).
import { isGiven, refuseField } from "@waggle/protocol";
import type { OpenAiDecisionRequest, OpenAiDecisions } from "@waggle/protocol";
import { contentText, partsIn, readContent } from "../../conversation/parts.ts";
import type { Content, PromptMessage } from "../../conversation/parts.ts";
import { parsedArguments } from "../../conversation/messages.ts";
import { messagesOf } from "../responses/messages.ts";
import type { Translated } from "./decide.ts";
import { choiceOption, levelOption, noulOptions, refuseEqual } from "./questions.ts";
import type { Option, Question } from "./questions.ts";
import type { Decided } from "./readings.ts";
import { joined, render } from "./state.ts";
import type { Rendered } from "./state.ts";

type OpenAiQuestion = OpenAiDecisionRequest["questions"][number];
type Answer = OpenAiDecisions["answers"][number];

/** @throws WaggleError invalid_argument naming the field */
export function readOpenAi(body: OpenAiDecisionRequest): Translated {
  return {
    request: { ...body, state: stateOf(body.input), questions: body.questions.map(questionOf) },
    answer: (decided, { prompt_tokens: input, cached_tokens: cached }): Omit<OpenAiDecisions, "model"> => ({
      answers: decided.map((one, at) => answerOf(one, body.questions[at]?.name ?? null)),
      usage: {
        input_tokens: input,
        input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: input,
      },
    }),
  };
}

function questionOf(question: OpenAiQuestion, at: number): Question {
  const field = `questions.${at}`;
  const instructions = contentOf(readContent(question.instructions, `${field}.instructions`));
  if (!isGiven(instructions.value)) throw refuseField(`${field}.instructions`, "must not be empty");
  const type = question.type === "predicate" ? "noul" : question.type;
  return { type, id: question.name ?? String(at), field, instructions, options: optionsOf(question, field) };
}

function optionsOf(question: OpenAiQuestion, field: string): readonly Option[] {
  if (question.type === "predicate") return noulOptions();
  if (question.type === "score") return question.levels.map(levelOption);
  const { choices } = question;
  refuseEqual(
    choices.map(({ value }) => value),
    (at) => `${field}.choices.${at}.value`,
  );
  return choices.map(({ value, description }) => choiceOption(value, description));
}

function answerOf({ question, of, choice, score, confidence, mass }: Decided, name: string | null): Answer {
  const { type, options } = question;
  const shared = { x_label_mass: mass };
  switch (type) {
    case "noul":
      return { type: "predicate", name, probability: of(0), ...shared };
    case "choice": {
      const probabilities = options.map(({ key: value }, at) => ({ value, probability: of(at) }));
      return { type, name, choice, confidence, probabilities, ...shared };
    }
    case "score": {
      const probabilities = options.map(({ text: label }, value) => ({ value, label, probability: of(value) }));
      return { type, name, score, confidence, probabilities, ...shared };
    }
  }
}

function stateOf(input: OpenAiDecisionRequest["input"]): Rendered {
  if (typeof input === "string") return render(input, "input");
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
  return render(messages.map(jsonOf), "input");
}

/** The content of a message or of a question. @throws WaggleError invalid_argument naming a part that cannot be read */
function contentOf(content: Content): Rendered {
  const parts = partsIn(content).map((part) => {
    if (part.type === "unread") throw refuseField(part.field, part.why);
    return part;
  });
  return { parts: joined(parts), value: contentText(content) };
}

/** A message as data: its role, its texts and pictures, and its calls. */
function jsonOf(message: PromptMessage): unknown {
  const content = contentOf(message.content ?? "").parts.map((part) => (part.type === "text" ? part.text : part));
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
