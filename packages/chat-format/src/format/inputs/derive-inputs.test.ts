import { expect, test } from "vitest";
import type { Render } from "../derive/conversations.ts";
import { genericAnswer, genericCall } from "../derive/generic.ts";
import { deriveInputs } from "./derive-inputs.ts";
import { type TemplateInputs, usualInputs } from "./template-inputs.ts";

type Part = { readonly type: string; readonly text: string };

interface ProbedMessage {
  readonly role: string;
  readonly content?: string | null | readonly Part[];
  readonly reasoning_content?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: unknown };
  }[];
}

interface Tool {
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: Schema };
}

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
}

/** Replaces parts of a small template. Each part may throw, to refuse its input. */
interface Ways {
  readonly content?: (turn: ProbedMessage) => string;
  readonly calls?: (turn: ProbedMessage) => string;
  readonly tool?: (tool: Tool) => string;
  readonly turns?: (turns: readonly ProbedMessage[]) => readonly ProbedMessage[];
}

function no(reason: string): never {
  throw new Error(reason);
}

function plainContent({ content }: ProbedMessage): string {
  return typeof content === "string" ? content : "";
}

function jsonCalls({ tool_calls: calls = [] }: ProbedMessage): string {
  return calls.map((call) => `[${call.function.name} ${JSON.stringify(call.function.arguments)}]`).join("");
}

/** Calls in the form that the generic format reads after text. */
function taggedCalls({ tool_calls: calls = [] }: ProbedMessage): string {
  const texts = calls.map(({ function: { name, arguments: given } }) => JSON.stringify({ name, arguments: given }));
  return texts.map((text) => `<tool_call>\n${text.replace('":"', '": "')}\n</tool_call>`).join("");
}

/** Shows content or calls, and refuses two answers in a row. */
const eitherOr: Ways = {
  content: (turn) => (turn.tool_calls === undefined ? plainContent(turn) : ""),
  turns: (turns) =>
    turns.some(({ role }, index) => role === "assistant" && turns[index + 1]?.role === "assistant") ? no("!") : turns,
};

function saysNothing({ role, content, tool_calls: calls }: ProbedMessage): boolean {
  return role === "assistant" && content === "" && calls === undefined;
}

/** A template that shows everything in its usual shape, except for the parts in `ways`. */
function template(ways: Ways = {}): Render {
  const { content = plainContent, calls = jsonCalls, tool = (one) => JSON.stringify(one), turns = (all) => all } = ways;
  return async (values) => {
    const tools = values["tools"] as readonly Tool[] | undefined;
    const lines = turns(values["messages"] as readonly ProbedMessage[]).map(
      (turn) => `<${turn.role}>${turn.reasoning_content ?? ""}${content(turn)}${calls(turn)}\n`,
    );
    return `${(tools ?? []).map(tool).join("")}${lines.join("")}<assistant>`;
  };
}

async function taken(render: Render, thoughtKey?: TemplateInputs["thoughtKey"]): Promise<TemplateInputs> {
  return await deriveInputs({
    render,
    source: "{{ mood }}",
    answer: genericAnswer,
    thoughtKey,
  });
}

test("finds the usual inputs of a template that takes everything", async () => {
  expect(await taken(template())).toEqual({ ...usualInputs, variables: ["mood"] });
});

test.each(
  Object.entries<[Ways, Partial<TemplateInputs>]>({
    "no tools": [{ tool: () => "" }, { tools: false, callSyntax: genericCall }],
    "tools with a description": [
      { tool: ({ function: { name, description } }) => `${name}: ${description ?? null}` },
      { missing: "empty" },
    ],
    "tools with properties": [
      { tool: ({ function: { name, parameters } }) => name + Object.keys(parameters?.properties ?? no("none")).join() },
      { missing: "object" },
    ],
    "a description of every parameter": [
      {
        tool: ({ function: { name, parameters } }) =>
          name +
          Object.values(parameters?.properties ?? {})
            .map(({ description = no("?") }) => description)
            .join(),
      },
      { parameterDescriptions: true },
    ],
    "no calls": [{ calls: () => "" }, { calls: false, parallelCalls: false, callSyntax: genericCall }],
    "one call": [
      { calls: (turn) => jsonCalls({ ...turn, tool_calls: (turn.tool_calls ?? []).slice(0, 1) }) },
      { parallelCalls: false },
    ],
    "arguments as text": [
      {
        calls: ({ tool_calls: [call] = [] }) =>
          call === undefined ? "" : `${call.function.name}${String(call.function.arguments)}`,
      },
      { objectArguments: false, parallelCalls: false },
    ],
    "arguments as an object alone": [
      {
        calls: (turn) =>
          (turn.tool_calls ?? []).some((call) => typeof call.function.arguments === "string")
            ? no("!")
            : jsonCalls(turn),
      },
      { textArguments: false },
    ],
    "content null with calls": [
      { calls: (turn) => (turn.content == null ? jsonCalls(turn) : "") },
      { emptyContent: "null", contentWithCalls: "before" },
    ],
    "no content with calls": [
      { content: (turn) => (turn.tool_calls === undefined ? plainContent(turn) : "None") },
      { contentWithCalls: "before" },
    ],
    "no content with calls, but a call after inserted text": [
      { ...eitherOr, calls: taggedCalls },
      { contentWithCalls: "inserted", callsOpen: '<tool_call>\n{"name": "' },
    ],
    "no content with calls, and no calls after text": [
      eitherOr,
      { calls: false, parallelCalls: false, results: false, callSyntax: genericCall },
    ],
    "content after calls": [
      {
        content: (turn) => (turn.tool_calls === undefined ? plainContent(turn) : ""),
        calls: (turn) => (turn.tool_calls === undefined ? "" : taggedCalls(turn) + plainContent(turn)),
        turns: (turns) =>
          turns.flatMap((turn, index) => (index > 0 && turns[index - 1]?.role === turn.role ? [] : [turn])),
      },
      { laterSystem: false, contentWithCalls: "inserted", callsOpen: '<tool_call>\n{"name": "' },
    ],
    "no empty answers": [
      { turns: (turns) => (turns.some(saysNothing) ? no("nothing") : turns) },
      { emptyAnswers: false },
    ],
    "short ids": [
      {
        calls: (turn) => ((turn.tool_calls ?? []).some(({ id }) => id.length !== 9) ? no("length 9") : jsonCalls(turn)),
      },
      { ids: "short" },
    ],
    "ids instead of names": [
      {
        calls: ({ tool_calls: calls = [] }) =>
          calls.map((call) => `${call.id} ${JSON.stringify(call.function.arguments)}`).join(""),
      },
      { ids: "named" },
    ],
    "an answer after each result": [
      {
        turns: (turns) =>
          turns.some(({ role }, index) => role === "tool" && turns[index + 1]?.role === "user") ? no("!") : turns,
      },
      { userAfterResult: false },
    ],
    "no results": [{ turns: (turns) => turns.filter(({ role }) => role !== "tool") }, { results: false }],
    "no system messages": [
      { turns: (turns) => (turns.some(({ role }) => role === "system") ? no("system?") : turns) },
      { system: false, laterSystem: false },
    ],
    "a system message only at the beginning": [
      { turns: (turns) => turns.filter(({ role }, index) => role !== "system" || index === 0) },
      { laterSystem: false },
    ],
    "alternating roles": [
      { turns: (turns) => (turns[0]?.role === turns[1]?.role && turns[0]?.role === "user" ? no("alternate") : turns) },
      { alternating: true },
    ],
    "lists of texts from users and tools": [
      {
        content: ({ role, content }) =>
          typeof content === "object" && content !== null && (role === "user" || role === "tool")
            ? content.map(({ text }) => text).join(" ")
            : JSON.stringify(content ?? ""),
      },
      { lists: ["user", "tool"] },
    ],
  }),
)("finds a template that takes %s", async (_, [ways, expected]) => {
  expect(await taken(template(ways))).toEqual({ ...usualInputs, variables: ["mood"], ...expected });
});

test("finds that a template takes content only as lists", async () => {
  const content = ({ content: all }: ProbedMessage): string =>
    typeof all === "string" || all == null ? "" : all.map(({ text }) => text).join(" ");
  const { lists, listsOnly } = await taken(template({ content }));
  expect({ lists, listsOnly }).toEqual({ lists: ["system", "user", "assistant", "tool"], listsOnly: true });
});

test("finds that a thought and content with a call exclude each other", async () => {
  const content = (turn: ProbedMessage): string =>
    turn.tool_calls !== undefined && turn.reasoning_content !== undefined && turn.content !== ""
      ? no("both")
      : plainContent(turn);
  const { thoughtWithBoth, thoughtKey } = await taken(template({ content }), "reasoning_content");
  expect({ thoughtWithBoth, thoughtKey }).toEqual({ thoughtWithBoth: false, thoughtKey: "reasoning_content" });
});

test("survives a template that renders nothing", async () => {
  const render: Render = async () => no("never");
  expect(await taken(render)).toMatchObject({ tools: false, calls: false, system: false, results: false, lists: [] });
});

test("the inputs of a template are found with few renderings", async () => {
  let asked = 0;
  const render = template();
  await taken(async (values) => {
    asked += 1;
    return await render(values);
  });
  expect(asked).toBeLessThan(25);
});
