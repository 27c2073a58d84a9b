// Owns an answer's tool calls, and their messages in the next request. Pure.
import type { EndEvent, GenerateRequestInput, TokenEvent } from "@waggle/protocol";

export interface ToolCall {
  /** Position in the answer, from 0. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** JSON; incomplete while the call streams. */
  readonly arguments: string;
  /** The MCP server and its name of the tool, once the worker has read the call. */
  readonly server?: string;
  readonly tool?: string;
  /** Set if the answer ended within the call. */
  readonly cut?: true;
}

/** A call's result, typed in by the visitor. */
export interface ToolResult {
  readonly callId: string;
  readonly name: string;
  readonly text: string;
}

export type ChatMessage = NonNullable<GenerateRequestInput["messages"]>[number];

/** The calls after an event that adds a part of a call. */
export function withCall(calls: readonly ToolCall[], { part, call, text }: TokenEvent): readonly ToolCall[] {
  if (call === undefined) return calls;
  if (part === "call") {
    const { index, id = `call-${index}`, name = "" } = call;
    return [...calls, { index, id, name, arguments: text }];
  }
  return calls.map((other) => (other.index === call.index ? { ...other, arguments: other.arguments + text } : other));
}

/** Marks the calls that the end of the answer has cut off. */
export function withCuts(calls: readonly ToolCall[], message: EndEvent["message"]): readonly ToolCall[] {
  const cut = new Set(message?.tool_calls?.filter((call) => call.cut === true).map(({ id }) => id));
  return cut.size === 0 ? calls : calls.map((call) => (cut.has(call.id) ? { ...call, cut: true } : call));
}

/** Where writing needs an invisible character: in emoji, and between letters of Arabic and of the scripts of India. */
const needed =
  /(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]|(?<=[#*\d])\ufe0f(?=\u20e3)|(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})|(?<=[\p{scx=Arab}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}])[\u200c\u200d]/u;
const invisible = /(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800\ufff9-\ufffb]/u;
const neededOrInvisible = new RegExp(`(${needed.source})|${invisible.source}`, "gu");

/** Shows characters that browsers do not show, or that reorder other characters, as JSON writes them: they could disguise a file's name. */
export function withEscapes(text: string): string {
  return text.replaceAll(
    neededOrInvisible,
    (found, kept?: string) =>
      kept ?? found.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

/** The arguments as indented JSON; unchanged while the JSON is incomplete. */
export function prettyArguments({ arguments: json }: Pick<ToolCall, "arguments">): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** A message of the model with its calls. */
export interface Calling {
  readonly text: string;
  readonly thoughts?: string;
  readonly calls?: readonly ToolCall[];
}

/** The messages for an answer's calls and results. Undefined if a call has no result: the request then leaves out the calls. */
export function messagesOfCalls(answer: Calling, results: readonly ToolResult[]): readonly ChatMessage[] | undefined {
  const { calls = [] } = answer;
  const given = calls.map(({ id }) => results.find(({ callId }) => callId === id));
  if (calls.length === 0 || given.includes(undefined)) return undefined;
  return [
    messageWithCalls(answer),
    ...given.flatMap((result) =>
      result === undefined ? [] : [{ role: "tool" as const, content: result.text, tool_call_id: result.callId }],
    ),
  ];
}

export function messageWithCalls({ text, thoughts, calls = [] }: Calling): ChatMessage {
  return {
    role: "assistant",
    content: text === "" ? null : text,
    ...(thoughts === undefined ? {} : { reasoning_content: thoughts }),
    tool_calls: calls.map(({ id, name, arguments: json }) => ({
      id,
      type: "function",
      function: { name, arguments: json },
    })),
  };
}
