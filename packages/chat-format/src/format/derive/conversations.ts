// Owns the conversations that probes render, and the needles in them: texts that the probes look for in the template's output.
import type { ThoughtKey } from "../format.ts";

/** Renders a template. Throws if the template refuses the values. */
export type Render = (values: Readonly<Record<string, unknown>>) => Promise<string>;

export type Message = Readonly<Record<string, unknown>>;

/** Texts that no template contains. Needles of one kind have no part in common. */
export const needles = {
  user: "Kjqv asks here",
  content: "Wxzp answers here",
  thought: "Vbnm ponders here",
  names: ["qfirstfn", "zothertl"],
  keys: ["jalphak", "wbetav"],
  values: ["Pvalueone", "Hothertwo"],
  /** Nine letters and digits, as Mistral's templates require. */
  ids: ["kx3q7w9zd", "vb5n8m2hf"],
} as const;

const parameters = {
  type: "object",
  properties: Object.fromEntries(needles.keys.map((key) => [key, { type: "string", description: `The ${key}` }])),
  required: [...needles.keys],
};

export const tools = needles.names.map((name) => ({
  type: "function",
  function: { name, description: `Does ${name}`, parameters },
}));

export const user: Message = { role: "user", content: needles.user };

/** The arguments of every call. */
export const callArguments = Object.fromEntries(needles.keys.map((key, i) => [key, needles.values[i]]));

export interface CallOptions {
  readonly ids?: readonly string[];
  /** Text to put before the name of the first call. */
  readonly mark?: string;
}

/** The first `count` calls, with arguments as an object or as JSON text. */
export function toolCalls(
  count: number,
  asObjects: boolean,
  { ids = needles.ids, mark = "" }: CallOptions = {},
): readonly Message[] {
  const given = asObjects ? callArguments : JSON.stringify(callArguments);
  return needles.names.slice(0, count).map((name, i) => ({
    id: ids[i],
    type: "function",
    function: { name: i === 0 ? mark + name : name, arguments: given },
  }));
}

export interface Shapes {
  readonly objectArguments: boolean;
  /** The value for missing content in a message with calls. */
  readonly emptyContent: "" | null;
}

export interface Spoken {
  readonly content?: string;
  readonly thought?: string;
  readonly thoughtKey?: ThoughtKey;
  readonly calls?: number;
}

export function assistant(spoken: Spoken, { objectArguments, emptyContent }: Shapes): Message {
  const { content, calls = 0 } = spoken;
  return {
    role: "assistant",
    content: content ?? emptyContent,
    ...thoughtMembers(spoken),
    ...(calls === 0 ? {} : { tool_calls: toolCalls(calls, objectArguments) }),
  };
}

function thoughtMembers({ thought, thoughtKey, content }: Spoken): Message {
  if (thought === undefined || thoughtKey === undefined) return {};
  if (thoughtKey !== "parts") return { [thoughtKey]: thought };
  return {
    content: [
      { type: "thinking", thinking: thought },
      ...(content === undefined ? [] : [{ type: "text", text: content }]),
    ],
  };
}
