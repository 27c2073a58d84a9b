// Converts the messages and tools of a request to the form that chat templates read.
import type { PicturePart, TemplateMessage, TemplatePart, TemplateTool } from "@waggle/engine";
import type { ChatMessage, Tool } from "@waggle/protocol";
import { shapeProblem } from "../body/parse-json.ts";
import { attachedIn, readAnswer, readCall, readContent, contentText } from "./parts.ts";
import type { Content, PromptMessage } from "./parts.ts";
import { joinedContents } from "./system-messages.ts";

/** Reads the messages of a chat request. @throws WaggleError as from `readContent` */
export function readMessages(messages: readonly ChatMessage[]): readonly PromptMessage[] {
  return messages.map((message, index): PromptMessage => {
    const field = `messages.${index}.content`;
    const { role } = message;
    if (role === "tool") {
      return { role, content: readContent(message.content, field), tool_call_id: message.tool_call_id ?? "" };
    }
    if (role !== "assistant") {
      return { role, content: message.content === undefined ? missing(field) : readContent(message.content, field) };
    }
    const { words, thoughts } = readAnswer(message.content, field);
    const { audio, refusal, reasoning_content: text = message.reasoning } = message;
    const given = text == null || text === false ? [] : [{ type: "reasoning", text }];
    const reasoning =
      given.length > 0 ? contentText(readContent(given, field)) : thoughts === "" ? undefined : thoughts;
    const spoken = audio == null || audio === false ? "" : (Object(audio).transcript ?? "[audio, left out]");
    return {
      role,
      content: joinedContents([words, readContent(spoken, field), typeof refusal === "string" ? refusal : ""]),
      ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
      ...(message.tool_calls == null
        ? {}
        : { tool_calls: message.tool_calls.map((call, at) => readCall(call, `messages.${index}.tool_calls.${at}`)) }),
    };
  });
}

function missing(field: string): Content {
  return [{ type: "unread", note: "", field, why: "is missing" }];
}

/** The fields with the pictures of a conversation, in order; `attached`: those that the user attaches. */
export function pictureSources(messages: readonly PromptMessage[]): {
  readonly all: readonly string[];
  readonly attached: ReadonlySet<string>;
} {
  const isAttached = attachedIn(messages);
  const sources = messages.map(({ role, content }) =>
    typeof content === "string" || content === null || role === "assistant"
      ? []
      : content.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : [])),
  );
  return { all: sources.flat(), attached: new Set(sources.filter((_, index) => isAttached(index)).flat()) };
}

/** Returns the place of a picture in the prompt; undefined if the picture is left out. */
export type PlaceOf = (source: string) => PicturePart | undefined;

export function templateMessage(message: PromptMessage, placeOf: PlaceOf): TemplateMessage {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: templateContent(message.content, placeOf) };
    case "user":
      return { role: "user", content: templateContent(message.content, placeOf) };
    case "tool":
      return {
        role: "tool",
        content: templateContent(message.content, placeOf),
        tool_call_id: message.tool_call_id,
      };
    case "assistant": {
      const { reasoning_content: reasoning, tool_calls: calls } = message;
      return {
        role: "assistant",
        content: templateContent(message.content ?? "", () => undefined),
        ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
        ...(calls === undefined
          ? {}
          : {
              tool_calls: calls.map(({ id, function: { name, arguments: text } }) => ({
                id,
                type: "function" as const,
                function: { name, arguments: parsedArguments(text) },
              })),
            }),
      };
    }
  }
}

/** With notes and without pictures, the content becomes one text, in which each note is on a separate line. */
function templateContent(content: Content, placeOf: PlaceOf): TemplateMessage["content"] {
  if (typeof content === "string") return content;
  const places = content.map((part) => (part.type === "image_url" ? placeOf(part.image_url.url) : undefined));
  const isText = places.every((place) => place === undefined);
  if (isText && content.some(({ type }) => type !== "text")) return contentText(content).trimEnd();
  return content.flatMap((part, at): TemplatePart[] => {
    const place = places[at];
    if (place !== undefined) return [place];
    const text = contentText([part]);
    return text === "" && part.type !== "text" ? [] : [{ type: "text", text }];
  });
}

/** If all messages are system messages, adds an empty user message: some clients load a model with such a request, but templates need a user message. */
export function withUserMessage(messages: readonly PromptMessage[]): readonly PromptMessage[] {
  return messages.some(({ role }) => role !== "system") ? messages : [...messages, { role: "user", content: "" }];
}

export function templateTools(tools: readonly Tool[]): readonly TemplateTool[] {
  return tools.map(({ function: { name, description, parameters } }) => ({
    type: "function",
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
    },
  }));
}

/**
 * Parses a call's arguments, since templates write the arguments as JSON again. The arguments stay text if the text is not JSON, is nested too
 * deeply, or has a number that JavaScript would print differently, such as 1.0 or an id of 64 bits.
 */
export function parsedArguments(text: string): unknown {
  if (shapeProblem(text) !== undefined) return text;
  try {
    const value: unknown = JSON.parse(text);
    return numbersIn(text).every((number) => String(Number(number)) === number) ? value : text;
  } catch {
    return text;
  }
}

const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** The numbers of a JSON text, as text. */
function numbersIn(json: string): readonly string[] {
  return [...json.matchAll(stringOrNumber)].flatMap(([token]) => (token.startsWith('"') ? [] : [token]));
}
