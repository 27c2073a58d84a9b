// Owns the forms in which Hugging Face's transformers can get the same conversation. A rendering of any form counts as correct: clients use different
// forms, and a template often takes only some of the forms.
import type { Conversation } from "./template/conversations.ts";
import type { ChatConversation, ChatMessage, ChatTool } from "../format/inputs/conversation.ts";
import { spacedJson } from "../format/inputs/spell-call.ts";

export const bosText = "<s>";
export const eosText = "</s>";

/**
 * How the values differ from the plain conversation. "": not at all; `date`: with `date_string`; `filled`: with a description and parameters for
 * tools without them; `system`: developer messages as system messages; `thinking`, `reasoning`, `parts`: thoughts in this field; `ids`: calls' ids
 * with Kimi's numbers.
 */
export type Given = "" | "date" | "filled" | "system" | "thinking" | "reasoning" | "parts" | "ids";

type Values = Readonly<Record<string, unknown>>;
type Message = Readonly<Record<string, unknown>>;

export interface Variant {
  readonly given: Given;
  readonly values: Values;
}

/** The conversation in the form in which a dialect passes on conversations. */
export function chatOf({ values }: Conversation): ChatConversation {
  const { messages, tools, documents: _, add_generation_prompt: __, ...variables } = values;
  return {
    messages: (messages as readonly Message[]).map((message) => {
      const { name: _name, ...rest } = message;
      return { ...rest, role: rest["role"] === "developer" ? "system" : rest["role"] } as unknown as ChatMessage;
    }),
    ...(tools == null ? {} : { tools: tools as readonly ChatTool[] }),
    ...(Object.keys(variables).length === 0 ? {} : { template: { variables } }),
  };
}

/** All different variants; the plain conversation is first. */
export function variantsOf({ values }: Conversation): readonly Variant[] {
  const plain = { given: "", values } as const;
  const all = [plain, ...given(values)].flatMap((variant) => written(variant));
  const seen = new Set<string>();
  return all.filter((variant) => {
    const key = JSON.stringify(variant.values);
    return !seen.has(key) && seen.add(key);
  });
}

function given(values: Values): Variant[] {
  const tools = values["tools"] as readonly ChatTool[] | null;
  const bare = tools?.some((tool) => tool.function.parameters === undefined) === true;
  const thoughts = messagesOf(values).some((message) => "reasoning_content" in message);
  const calls = messagesOf(values).some((message) => "tool_calls" in message);
  const developer = messagesOf(values).some(({ role }) => role === "developer");
  return [
    { given: "date", values: { ...values, date_string: "21 Nov 2026" } },
    ...(bare ? [filled(values, {}), filled(values, { type: "object", properties: {} })] : []),
    ...(developer
      ? [asSystem(values), { ...asSystem(values), values: { ...asSystem(values).values, date_string: "21 Nov 2026" } }]
      : []),
    ...(thoughts ? [thoughtsAs(values, "thinking"), thoughtsAs(values, "reasoning"), thoughtsAs(values, "parts")] : []),
    ...(calls ? [counted(values)] : []),
  ];
}

function messagesOf(values: Values): readonly Message[] {
  return values["messages"] as readonly Message[];
}

function filled(values: Values, parameters: unknown): Variant {
  const tools = (values["tools"] as readonly ChatTool[]).map((tool) => ({
    ...tool,
    function: { description: "", parameters, ...tool.function },
  }));
  const inOrder = tools.map(({ function: { name, description, parameters: schema }, ...tool }) => ({
    ...tool,
    function: { name, description, parameters: schema },
  }));
  return { given: "filled", values: { ...values, tools: inOrder } };
}

function asSystem(values: Values): Variant {
  const messages = messagesOf(values).map((message) =>
    message["role"] === "developer" ? { ...message, role: "system" } : message,
  );
  return { given: "system", values: { ...values, messages } };
}

function thoughtsAs(values: Values, key: "thinking" | "reasoning" | "parts"): Variant {
  const messages = messagesOf(values).map(({ reasoning_content: thought, ...message }) => {
    if (thought === undefined) return message;
    if (key !== "parts") return { ...message, [key]: thought };
    const text = message["content"] === "" ? [] : [{ type: "text", text: message["content"] }];
    return { ...message, content: [{ type: "thinking", thinking: thought }, ...text] };
  });
  return { given: key, values: { ...values, messages } };
}

interface Call {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: unknown };
}

function counted(values: Values): Variant {
  const ids = new Map<unknown, string>();
  const messages = messagesOf(values).map((message) => ({
    ...message,
    ...("tool_calls" in message && {
      tool_calls: (message["tool_calls"] as readonly Call[]).map((call) => {
        ids.set(call.id, `functions.${call.function.name}:${ids.size}`);
        return { ...call, id: ids.get(call.id) };
      }),
    }),
  }));
  const answered = messages.map((message) => ({
    ...message,
    ...("tool_call_id" in message && { tool_call_id: ids.get(message["tool_call_id"]) }),
  }));
  return { given: "ids", values: { ...values, messages: answered } };
}

/** All combinations of empty content with calls ("", null, absent), arguments (object, text), and lists of texts (kept, joined). */
function written({ given: what, values }: Variant): Variant[] {
  const contents = (["", null, undefined] as const).flatMap((content) =>
    [false, true].map((asText) => messagesOf(values).map((message) => withCalls(message, content, asText))),
  );
  return contents
    .flatMap((messages) => [messages, messages.map(joined), messages.map(joinedSystem)])
    .map((messages) => ({ given: what, values: { ...values, messages } }));
}

function withCalls(message: Message, content: "" | null | undefined, asText: boolean): Message {
  if (!("tool_calls" in message)) return message;
  const { content: own, tool_calls: calls, ...rest } = message;
  const inPlace = own !== "" ? { content: own } : content === undefined ? {} : { content };
  return {
    ...rest,
    ...inPlace,
    tool_calls: (calls as readonly Call[]).map((call) => ({
      ...call,
      function: {
        ...call.function,
        arguments: asText ? spacedJson(call.function.arguments) : call.function.arguments,
      },
    })),
  };
}

function joined(message: Message): Message {
  const { content } = message;
  if (!Array.isArray(content) || content.some((part: Message) => part["type"] !== "text")) return message;
  return { ...message, content: content.map((part: Message) => part["text"]).join("\n") };
}

function joinedSystem(message: Message): Message {
  return message["role"] === "system" ? joined(message) : message;
}

export type DroppedPart = "tools" | "calls" | "the second call" | "text beside a call" | "results";

/** The conversation without one of its parts, for each part. If the rendering is the same with and without a part, the template drops the part. */
export function reductionsOf({
  values,
}: Conversation): readonly { readonly part: DroppedPart; readonly variant: Variant }[] {
  const reduced = (part: DroppedPart | undefined, change: Values): readonly { part: DroppedPart; variant: Variant }[] =>
    part === undefined || JSON.stringify({ ...values, ...change }) === JSON.stringify(values)
      ? []
      : written({ given: "", values: { ...values, ...change } }).map((variant) => ({ part, variant }));
  const messages = messagesOf(values);
  const calls = messages.flatMap(({ tool_calls: all = [] }) => all as readonly unknown[]);
  const change = (edit: (calls: readonly unknown[]) => Message) =>
    messages.map(({ tool_calls: own, ...message }) =>
      own === undefined ? message : { ...message, ...edit(own as readonly unknown[]) },
    );
  const speaks = messages.some(({ tool_calls: own, content }) => own !== undefined && content !== "");
  return [
    ...reduced("tools", { tools: null }),
    ...reduced("calls", { messages: change(() => ({})) }),
    ...reduced(calls.length > 1 ? "the second call" : undefined, {
      messages: change((own) => ({ tool_calls: own.slice(0, 1) })),
    }),
    ...reduced(speaks ? "text beside a call" : undefined, {
      messages: change((own) => ({ content: "", tool_calls: own })),
    }),
    ...reduced("results", { messages: messages.filter(({ role }) => role !== "tool") }),
  ];
}

/** The record of a template and a conversation: hashes of renderings by variant, and in `drops` the parts that the rendering does not show. */
export type Row = ReadonlyMap<Given | "drops", readonly string[]>;

/** By template: the rows of all conversations, in one text. */
export type Records = Readonly<Record<string, string>>;

const [betweenRows, betweenCells, behindKey, betweenValues] = [" | ", "; ", ": ", ", "] as const;

export function rowsAsText(rows: readonly Row[]): string {
  const cells = (row: Row): string =>
    [...row].map(([key, values]) => key + behindKey + values.join(betweenValues)).join(betweenCells);
  return rows.map(cells).join(betweenRows);
}

export function rowsFromText(text: string): readonly Row[] {
  return text.split(betweenRows).map(
    (row) =>
      new Map(
        row.split(betweenCells).flatMap((cell) => {
          const [key, values] = cell.split(behindKey);
          return values === undefined ? [] : [[key as Given, values.split(betweenValues)] as const];
        }),
      ),
  );
}
