// Owns what a template takes of calls and their results, and in which shape.
import { type Message, needles, tools, user } from "../derive/conversations.ts";
import { type Attempt, type Values, shows, texts, times } from "./probe.ts";
import type { TemplateInputs, ThoughtKey } from "./template-inputs.ts";

export interface CallShape {
  readonly objects: boolean;
  readonly empty: TemplateInputs["emptyContent"];
}

const longIds = ["call_kx3q7w9zd0", "call_vb5n8m2hf1"] as const;

interface Asked {
  readonly shape: CallShape;
  readonly calls?: number;
  readonly content?: string;
  readonly ids?: readonly string[];
  readonly results?: boolean;
  readonly more?: Message;
}

/** A user's message, calls, and their results, which always follow in a prompt. */
export function withCalls({ shape, calls = 1, content, ids = needles.ids, results = true, more = {} }: Asked): Values {
  const values = Object.fromEntries(needles.keys.map((key, i) => [key, needles.values[i]]));
  const empty = shape.empty === "absent" ? {} : { content: shape.empty === "null" ? null : "" };
  const assistant: Message = {
    role: "assistant",
    ...(content === undefined ? empty : { content }),
    tool_calls: needles.names.slice(0, calls).map((name, i) => ({
      id: ids[i],
      type: "function",
      function: { name, arguments: shape.objects ? values : JSON.stringify(values) },
    })),
    ...more,
  };
  const answers = texts.results.slice(0, calls).map((result, i) => resultOf(i, ids, result));
  return { messages: [user, assistant, ...(results ? answers : [])], tools, ...thinking };
}

export function resultOf(index: number, ids: readonly string[], content: unknown): Message {
  return { role: "tool", tool_call_id: ids[index], name: needles.names[index], content };
}

/** Where thinking is off, some templates leave thoughts out. */
const thinking: Values = { enable_thinking: true, thinking: true };

const callNeedles = [...needles.keys, ...needles.values];

function showsCalls(text: string | undefined, calls: number): boolean {
  return shows(text, ...callNeedles) && needles.values.every((value) => times(text, value) >= calls);
}

/** Of the shapes in which a call is shown, the one that takes the least to say; a string that holds JSON is none. */
export async function findCallShape(attempt: Attempt): Promise<CallShape> {
  for (const objects of [true, false]) {
    let best: { shape: CallShape; length: number } | undefined;
    for (const empty of ["", "null", "absent"] as const) {
      const shape = { objects, empty };
      const text = await attempt(withCalls({ shape }));
      if (text === undefined || !shows(text, ...callNeedles) || isTextInJson(text)) continue;
      if (best === undefined || text.length < best.length) best = { shape, length: text.length };
    }
    if (best !== undefined) return best.shape;
  }
  return { objects: true, empty: "" };
}

function isTextInJson(text: string): boolean {
  return text.includes(String.raw`\"${needles.keys[0]}\"`);
}

type CallInputs =
  | "calls"
  | "parallelCalls"
  | "objectArguments"
  | "textArguments"
  | "emptyContent"
  | "contentWithCalls"
  | "ids"
  | "results"
  | "userAfterResult";

export async function callsTaken(attempt: Attempt, shape: CallShape): Promise<Pick<TemplateInputs, CallInputs>> {
  const without = await attempt({ messages: [user], tools, ...thinking });
  const all = await attempt(withCalls({ shape, calls: 2, content: needles.content, ids: longIds }));
  const one = await attempt(withCalls({ shape }));
  const results = shows(one, texts.results[0]);
  const userAfterResult = !results || (await showsUserAfterResult(attempt, shape));
  const base = { objectArguments: shape.objects, emptyContent: shape.empty, results, userAfterResult };
  if (!shows(one, ...callNeedles)) return { ...base, ...noCalls };
  const textArguments = !shape.objects || (await showsTextArguments(attempt, shape));
  const ids = await findIds(attempt, shape, one, without);
  const common = { ...base, calls: true, textArguments, ids };
  if (showsCalls(all, 2) && shows(all, needles.content, ...texts.results)) {
    return { ...common, parallelCalls: true, contentWithCalls: "beside" };
  }
  const two = await attempt(withCalls({ shape, calls: 2 }));
  const spoken = await attempt(withCalls({ shape, content: needles.content }));
  return {
    ...common,
    parallelCalls: needles.values.every((value) => times(two, value) === 2),
    contentWithCalls: shows(spoken, needles.content, ...callNeedles) ? "beside" : await contentApart(attempt, shape),
  };
}

const noCalls = {
  calls: false,
  parallelCalls: false,
  textArguments: true,
  contentWithCalls: "beside",
  ids: "any",
} as const;

async function findIds(
  attempt: Attempt,
  shape: CallShape,
  one: string | undefined,
  without: string | undefined,
): Promise<TemplateInputs["ids"]> {
  const [name] = needles.names;
  const [id] = needles.ids;
  // It counts the calls, as the family's models do: then their results have to fit.
  if (one?.includes(`functions.${name}:0`) === true) return "named";
  if (shows(one, id)) {
    const call = await attempt(withCalls({ shape, results: false }));
    if (shows(call, id) && times(call, name) <= times(without, name)) return "named";
  }
  const long = await attempt(withCalls({ shape, ids: longIds }));
  return long === undefined && one !== undefined ? "short" : "any";
}

/** What was said before a call as a message of its own, and how the conversation may go on after it. */
async function contentApart(attempt: Attempt, shape: CallShape): Promise<"before" | "nowhere"> {
  const values = withCalls({ shape });
  const [asks, ...rest] = values["messages"] as readonly Message[];
  const said = { role: "assistant", content: needles.content };
  const messages = [asks, said, ...rest, { ...said, content: texts.second }, user];
  const text = await attempt({ ...values, messages });
  return shows(text, needles.content, ...callNeedles, texts.second) ? "before" : "nowhere";
}

async function showsUserAfterResult(attempt: Attempt, shape: CallShape): Promise<boolean> {
  const values = withCalls({ shape });
  const messages = [...(values["messages"] as readonly Message[]), { ...user, content: texts.second }];
  return shows(await attempt({ ...values, messages }), texts.second);
}

async function showsTextArguments(attempt: Attempt, shape: CallShape): Promise<boolean> {
  const call = {
    id: needles.ids[0],
    type: "function",
    function: { name: needles.names[0], arguments: texts.notJson },
  };
  return shows(await attempt(withCalls({ shape, more: { tool_calls: [call] } })), texts.notJson);
}

export async function showsThoughtWithBoth(attempt: Attempt, shape: CallShape, key: ThoughtKey): Promise<boolean> {
  if (key === "parts") return true;
  const text = await attempt(withCalls({ shape, content: needles.content, more: { [key]: needles.thought } }));
  return shows(text, needles.content);
}
