// Finds which calls and results a template can render, and in which shape.
import { type CallOptions, type Message, needles, toolCalls, tools, user } from "../derive/conversations.ts";
import { commonEnd } from "../derive/cuts.ts";
import type { AnswerItem } from "../syntax.ts";
import { callsOpenOf, insertionMark } from "./inserted-text.ts";
import { type Attempt, type Values, shows, texts, times } from "./probe.ts";
import type { TemplateInputs, ThoughtKey } from "./template-inputs.ts";

export interface CallShape {
  readonly objects: boolean;
  readonly empty: TemplateInputs["emptyContent"];
}

const longIds = ["call_kx3q7w9zd0", "call_vb5n8m2hf1"] as const;

interface Asked extends CallOptions {
  readonly shape: CallShape;
  readonly calls?: number;
  readonly content?: string;
  readonly results?: boolean;
  readonly more?: Message;
}

/** Values with a user's message, calls, and by default their results, since results follow calls in every prompt. */
export function withCalls(asked: Asked): Values {
  const { shape, calls = 1, content, ids = needles.ids, results = true, mark = "", more = {} } = asked;
  const empty = shape.empty === "absent" ? {} : { content: shape.empty === "null" ? null : "" };
  const assistant: Message = {
    role: "assistant",
    ...(content === undefined ? empty : { content }),
    tool_calls: toolCalls(calls, shape.objects, { ids, mark }),
    ...more,
  };
  const answers = texts.results.slice(0, calls).map((result, i) => resultOf(i, ids, result));
  return { messages: [user, assistant, ...(results ? answers : [])], tools, ...thinking };
}

export function resultOf(index: number, ids: readonly string[], content: unknown): Message {
  return { role: "tool", tool_call_id: ids[index], name: needles.names[index], content };
}

/** Some templates leave out thoughts if thinking is off. */
const thinking: Values = { enable_thinking: true, thinking: true };

const callNeedles = [...needles.keys, ...needles.values];

function showsCalls(text: string | undefined, calls: number): boolean {
  return shows(text, ...callNeedles) && needles.values.every((value) => times(text, value) >= calls);
}

/** Finds the shape with the shortest rendering that shows a call. Arguments as JSON within a string do not count. */
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
  | "callsOpen"
  | "ids"
  | "results"
  | "userAfterResult";

/** @param answer the format's items, which say where a call may begin after text */
export async function callsTaken(
  attempt: Attempt,
  shape: CallShape,
  answer: readonly AnswerItem[],
): Promise<Pick<TemplateInputs, CallInputs>> {
  const without = await attempt({ messages: [user], tools, ...thinking });
  const all = await attempt(withCalls({ shape, calls: 2, content: needles.content, ids: longIds }));
  const one = await attempt(withCalls({ shape }));
  const results = shows(one, texts.results[0]);
  const userAfterResult = !results || (await showsUserAfterResult(attempt, shape));
  const base = { objectArguments: shape.objects, emptyContent: shape.empty, results, userAfterResult };
  if (one === undefined || !shows(one, ...callNeedles)) return { ...base, ...noCalls };
  const textArguments = !shape.objects || (await showsTextArguments(attempt, shape));
  const ids = await findIds(attempt, shape, one, without);
  const common = { ...base, calls: true, textArguments, ids };
  if (showsCalls(all, 2) && shows(all, ...texts.results) && isInOrder(all)) {
    return { ...common, parallelCalls: true, contentWithCalls: "beside" };
  }
  const two = await attempt(withCalls({ shape, calls: 2 }));
  const content = await contentTaken(attempt, shape, { one, answer });
  // If the template cannot show calls together with text, calls in the history become text.
  if (content === undefined) return { ...base, ...noCalls, results: false };
  return { ...common, parallelCalls: needles.values.every((value) => times(two, value) === 2), ...content };
}

const noCalls = {
  calls: false,
  parallelCalls: false,
  textArguments: true,
  contentWithCalls: "beside",
  ids: "any",
} as const;

/** Whether the rendering shows an answer's text before its call. */
function isInOrder(text: string | undefined): boolean {
  return shows(text, needles.content, ...callNeedles) && indexIn(text, needles.content) < indexIn(text, callValue);
}

const [callValue] = needles.values;

function indexIn(text: string | undefined, word: string): number {
  return text?.indexOf(word) ?? -1;
}

type Content = Pick<TemplateInputs, "contentWithCalls" | "callsOpen">;

interface Called {
  /** The rendering of one call. */
  readonly one: string;
  readonly answer: readonly AnswerItem[];
}

/** @returns undefined if the template cannot show a call together with text */
async function contentTaken(attempt: Attempt, shape: CallShape, { one, answer }: Called): Promise<Content | undefined> {
  if (isInOrder(await attempt(withCalls({ shape, content: needles.content })))) return { contentWithCalls: "beside" };
  const userEnd = one.lastIndexOf(needles.user) + needles.user.length;
  const nameAt = one.lastIndexOf(needles.names[0], indexIn(one, callValue));
  const callsOpen = callsOpenOf(one, { from: userEnd, nameAt }, answer);
  const apart = await contentApart(attempt, shape);
  // If the text is in a separate message, the call must begin with the opening of another turn.
  const opens = commonEnd(one.slice(userEnd, nameAt), apart ?? "");
  if (
    apart !== undefined &&
    (callsOpen === undefined || /\w{2}/.test(opens.slice(0, opens.length - callsOpen.length)))
  ) {
    return { contentWithCalls: "before" };
  }
  const marked = await attempt(withCalls({ shape, mark: insertionMark }));
  if (callsOpen === undefined || !shows(marked, callsOpen + insertionMark + needles.names[0])) return undefined;
  return { contentWithCalls: "inserted", callsOpen };
}

async function findIds(
  attempt: Attempt,
  shape: CallShape,
  one: string | undefined,
  without: string | undefined,
): Promise<TemplateInputs["ids"]> {
  const [name] = needles.names;
  const [id] = needles.ids;
  // The template numbers the calls, as the family's models do: the ids of results have to match.
  if (one?.includes(`functions.${name}:0`) === true) return "named";
  if (shows(one, id)) {
    const call = await attempt(withCalls({ shape, results: false }));
    if (shows(call, id) && times(call, name) <= times(without, name)) return "named";
  }
  const long = await attempt(withCalls({ shape, ids: longIds }));
  return long === undefined && one !== undefined ? "short" : "any";
}

/**
 * Renders a call after a separate message with text, and returns the output between that text and the call's name; undefined if the template leaves
 * out the text, the call or a message after the call.
 */
async function contentApart(attempt: Attempt, shape: CallShape): Promise<string | undefined> {
  const values = withCalls({ shape });
  const [asks, ...rest] = values["messages"] as readonly Message[];
  const said = { role: "assistant", content: needles.content };
  const messages = [asks, said, ...rest, { ...said, content: texts.second }, user];
  const text = await attempt({ ...values, messages });
  if (text === undefined || !isInOrder(text) || !shows(text, texts.second)) return undefined;
  const end = indexIn(text, needles.content) + needles.content.length;
  return text.slice(end, text.lastIndexOf(needles.names[0], indexIn(text, callValue)));
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
