// Owns OpenAI's format of decisions. The shapes follow OpenAI's types (openai-node, resources/decisions.d.ts).
import { refuseField } from "@waggle/protocol";
import type { OpenAiDecisionRequest, OpenAiDecisions } from "@waggle/protocol";
import { contentText, readContent } from "../../conversation/parts.ts";
import type { Content, PromptMessage } from "../../conversation/parts.ts";
import { parsedArguments } from "../../conversation/messages.ts";
import { messagesOf } from "../responses/messages.ts";
import { choiceOption, levelOption, noulOptions, refuseEqual, settingsOf } from "./questions.ts";
import { joined, render } from "./state.ts";
import type { Rendered } from "./state.ts";
import type { Asked, Translated } from "./decide.ts";

type OpenAiQuestion = OpenAiDecisionRequest["questions"][number];
type Answer = OpenAiDecisions["answers"][number];

/** @throws WaggleError invalid_argument naming the field */
export function readOpenAi(body: OpenAiDecisionRequest): Translated {
  const questions = body.questions.map((question, at) => askedOf(question, `questions.${at}`, String(at)));
  return {
    request: { ...settingsOf(body), state: stateOf(body.input), questions },
    answer(decided, { model, usage, extras }): OpenAiDecisions {
      const { prompt_tokens: input, cached_tokens: cached } = usage;
      return {
        answers: questions.map(({ answer }, at) => answer(decided(at))),
        model,
        usage: {
          input_tokens: input,
          input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
          output_tokens: 0,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: input,
        },
        ...extras,
      };
    },
  };
}

function askedOf(question: OpenAiQuestion, field: string, index: string): Asked<Answer> {
  const { name = null } = question;
  const instructions = contentOf(readContent(question.instructions, `${field}.instructions`));
  const shared = { field, id: name ?? index, instructions };
  switch (question.type) {
    case "predicate":
      return {
        ...shared,
        type: "noul",
        options: noulOptions(undefined, undefined),
        answer: ({ of, mass }) => ({ type: "predicate", name, probability: of(0), x_label_mass: mass }),
      };
    case "choice": {
      const values = question.choices.map(({ value }) => value);
      refuseEqual(values, (at) => `${field}.choices.${at}.value`);
      return {
        ...shared,
        type: "choice",
        options: question.choices.map(({ value, description }) => choiceOption(String(value), description)),
        answer: ({ of, best, confidence, mass }) => ({
          type: "choice",
          name,
          choice: values[best] ?? "",
          confidence,
          probabilities: values.map((value, at) => ({ value, probability: of(at) })),
          x_label_mass: mass,
        }),
      };
    }
    case "score":
      return {
        ...shared,
        type: "score",
        options: question.levels.map(levelOption),
        answer: ({ of, score, confidence, mass }) => ({
          type: "score",
          name,
          score,
          confidence,
          probabilities: question.levels.map(({ label }, value) => ({ value, label, probability: of(value) })),
          x_label_mass: mass,
        }),
      };
  }
}

function stateOf(input: OpenAiDecisionRequest["input"]): Rendered {
  if (typeof input === "string") return render(input, "input");
  const calls = new Set<unknown>();
  for (const [at, { type, ...item }] of input.entries()) {
    const id = "call_id" in item ? item.call_id : undefined;
    if (type === "function_call" || type === "custom_tool_call") calls.add(id);
    else if (type !== "message" && type != null && !calls.has(id))
      throw refuseField(`input.${at}.call_id`, "no call before this output has this id");
  }
  const messages = messagesOf(undefined, input);
  const [message, ...more] = messages;
  // A single message of the user is the data; a conversation is data about its speakers.
  if (message?.role === "user" && more.length === 0) return contentOf(message.content);
  return render(messages.map(jsonOf), "input");
}

/** The content of a message or of a question. @throws WaggleError invalid_argument naming a part that cannot be read */
function contentOf(content: Content): Rendered {
  if (typeof content === "string") return render(content, "input");
  const parts = joined(
    content.flatMap((part) => {
      if (part.type === "unread") throw refuseField(part.field, part.why);
      return [part];
    }),
  );
  return { parts, value: contentText(content) };
}

/** A message as data: its role, its texts and pictures, and its calls. */
function jsonOf(message: PromptMessage): unknown {
  const content = contentOf(message.content ?? "").parts.map((part) => (part.type === "text" ? part.text : part));
  const calls = message.role === "assistant" ? message.tool_calls : undefined;
  const data = calls?.map(({ id, function: { name, arguments: text } }) => ({
    id,
    name,
    arguments: parsedArguments(text),
  }));
  return {
    role: message.role,
    ...(content.length === 0 ? {} : { content: content.length === 1 ? content[0] : content }),
    ...(data === undefined ? {} : { calls: data }),
    ...(message.role === "tool" ? { call_id: message.tool_call_id } : {}),
  };
}
