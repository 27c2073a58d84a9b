// Derives the inputs that a template takes. Conversations with needles are rendered; the needles in the output show which parts the template takes.
import { type Message, type Render, needles, tools, user } from "../derive/conversations.ts";
import { genericCall } from "../derive/generic.ts";
import type { AnswerItem } from "../syntax.ts";
import { type CallShape, callsTaken, findCallShape, resultOf, showsThoughtWithBoth, withCalls } from "./call-inputs.ts";
import { type Attempt, attempts, shows, texts, times } from "./probe.ts";
import { callSyntaxOf } from "./spell-call.ts";
import type { TemplateInputs, ThoughtKey } from "./template-inputs.ts";
import { templateVariables } from "./template-variables.ts";

type Role = TemplateInputs["lists"][number];

export interface InputsOptions {
  readonly render: Render;
  readonly source: string;
  /** The format's items, from which the example of a call is taken. */
  readonly answer: readonly AnswerItem[];
  readonly thoughtKey?: ThoughtKey | undefined;
}

export async function deriveInputs({ render, source, answer, thoughtKey }: InputsOptions): Promise<TemplateInputs> {
  const attempt = attempts(render);
  const shape = await findCallShape(attempt);
  const taken = await toolsTaken(attempt);
  const lists = await listsTaken(attempt, shape);
  const called = await callsTaken(attempt, shape, answer);
  return {
    ...taken,
    ...called,
    ...(taken.tools && called.calls ? {} : { callSyntax: callSyntaxOf(answer) ?? genericCall }),
    ...(await systemTaken(attempt)),
    ...lists,
    emptyAnswers: await takesEmptyAnswers(attempt, lists.listsOnly),
    thoughtWithBoth: thoughtKey === undefined || (await showsThoughtWithBoth(attempt, shape, thoughtKey)),
    alternating: (await attempt({ messages: [user, { ...user, content: texts.second }] })) === undefined,
    ...(thoughtKey === undefined ? {} : { thoughtKey }),
    variables: templateVariables(source),
  };
}

/** Matches the output of a template that prints content parts as data, and so does not support content parts. */
const asData = /["']type["']: ?["'](?:text|thinking)["']/;
/** Words that templates print for missing values. */
const nothing = /\b(?:null|None|undefined|Undefined)\b/g;

async function toolsTaken(
  attempt: Attempt,
): Promise<Pick<TemplateInputs, "tools" | "missing" | "parameterDescriptions">> {
  const withTools = await attempt({ messages: [user], tools });
  const takes = shows(withTools, ...needles.names);
  const parameterDescriptions =
    takes && !shows(await attempt({ messages: [user], tools: [undescribed] }), needles.names[0]);
  const found = { parameterDescriptions };
  if (!takes) return { ...found, tools: false, missing: "nothing" };
  const blanks = withTools?.match(nothing)?.length ?? 0;
  for (const missing of ["nothing", "empty", "object"] as const) {
    const text = await attempt({ messages: [user], tools: [bareTool(missing)] });
    if (shows(text, needles.names[0]) && (text?.match(nothing)?.length ?? 0) <= blanks) {
      return { ...found, tools: true, missing };
    }
  }
  return { ...found, tools: true, missing: "object" };
}

const undescribed = {
  type: "function",
  function: {
    name: needles.names[0],
    description: needles.thought,
    parameters: { type: "object", properties: { [needles.keys[0]]: { type: "string" } } },
  },
};

function bareTool(missing: TemplateInputs["missing"]): unknown {
  const parameters = missing === "object" ? { type: "object", properties: {} } : {};
  const rest = missing === "nothing" ? {} : { description: "", parameters };
  return { type: "function", function: { name: needles.names[0], ...rest } };
}

async function systemTaken(attempt: Attempt): Promise<Pick<TemplateInputs, "system" | "laterSystem">> {
  const first = { role: "system", content: texts.system };
  const second = { role: "system", content: texts.second };
  const answer = { role: "assistant", content: needles.content };
  const twice = await attempt({ messages: [first, second, user] });
  const later = await attempt({ messages: [first, user, answer, second, user] });
  if (shows(twice, texts.system, texts.second) && shows(later, texts.system, texts.second)) {
    return { system: true, laterSystem: true };
  }
  return { system: shows(await attempt({ messages: [first, user] }), texts.system), laterSystem: false };
}

async function takesEmptyAnswers(attempt: Attempt, listsOnly: boolean): Promise<boolean> {
  const nothing = { role: "assistant", content: listsOnly ? [{ type: "text", text: "" }] : "" };
  return (await attempt({ messages: [user, nothing, user] })) !== undefined;
}

async function listsTaken(attempt: Attempt, shape: CallShape): Promise<Pick<TemplateInputs, "lists" | "listsOnly">> {
  const list = texts.parts.map((text) => ({ type: "text", text }));
  const listed = (role: Role): Message => ({ role, content: list });
  const takes = (text: string | undefined, count: number): boolean =>
    text !== undefined && texts.parts.every((part) => times(text, part) === count) && !asData.test(text);
  const calling = withCalls({ shape, results: false })["messages"] as readonly Message[];
  const asked: Readonly<Record<Role, readonly Message[]>> = {
    system: [listed("system"), user],
    user: [listed("user")],
    assistant: [user, listed("assistant"), user],
    tool: [...calling, resultOf(0, needles.ids, list)],
  };
  const lists: Role[] = [];
  for (const role of ["system", "user", "assistant", "tool"] as const) {
    if (takes(await attempt({ messages: asked[role], ...(role === "tool" ? { tools } : {}) }), 1)) lists.push(role);
  }
  // A template that shows neither texts nor lists does not reveal what it takes.
  const listsOnly = lists.includes("user") && !shows(await attempt({ messages: [user] }), needles.user);
  return { lists, listsOnly };
}
