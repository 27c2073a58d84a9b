// Owns the calls of tools that an answer makes, and what the next request tells of them. Pure.
import type { EndEvent, GenerateRequestInput, TokenEvent } from "@waggle/protocol";

export interface CallSaid {
  /** In its answer, from 0. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** JSON, as far as it has come. */
  readonly arguments: string;
  /** The answer ended within it. */
  readonly cut?: true;
}

/** What a visitor says that a call gave. */
export interface ToolResult {
  readonly callId: string;
  readonly name: string;
  readonly text: string;
}

type Message = NonNullable<GenerateRequestInput["messages"]>[number];

/** The calls after one event of a part that belongs to a call. */
export function withCall(calls: readonly CallSaid[], { part, call, text }: TokenEvent): readonly CallSaid[] {
  if (call === undefined) return calls;
  if (part === "call") {
    const { index, id = `call-${index}`, name = "" } = call;
    return [...calls, { index, id, name, arguments: text }];
  }
  return calls.map((other) => (other.index === call.index ? { ...other, arguments: other.arguments + text } : other));
}

/** Once it is known which of them the end has cut. */
export function withCuts(calls: readonly CallSaid[], message: EndEvent["message"]): readonly CallSaid[] {
  const cut = new Set(message?.tool_calls?.filter((call) => call.cut === true).map(({ id }) => id));
  return cut.size === 0 ? calls : calls.map((call) => (cut.has(call.id) ? { ...call, cut: true } : call));
}

/** For reading; as it is while it is not whole. */
export function prettyArguments({ arguments: json }: Pick<CallSaid, "arguments">): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** What an answer with calls and their results are to the model; undefined unless each call has one: then there were no calls. */
export function messagesOfCalls(
  answer: { readonly text: string; readonly thoughts?: string; readonly calls?: readonly CallSaid[] },
  results: readonly ToolResult[],
): readonly Message[] | undefined {
  const { calls = [], thoughts, text } = answer;
  const given = calls.map(({ id }) => results.find(({ callId }) => callId === id));
  if (calls.length === 0 || given.includes(undefined)) return undefined;
  return [
    {
      role: "assistant",
      content: text === "" ? null : text,
      ...(thoughts === undefined ? {} : { reasoning_content: thoughts }),
      tool_calls: calls.map(({ id, name, arguments: json }) => ({
        id,
        type: "function",
        function: { name, arguments: json },
      })),
    },
    ...given.flatMap((result) =>
      result === undefined ? [] : [{ role: "tool" as const, content: result.text, tool_call_id: result.callId }],
    ),
  ];
}
