// Tests that each template shows its model's answers in the history: every word except thoughts, in the order of the answer.
import { createTemplateRenderer, type TemplateValues } from "../template/index.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerStart } from "../format/answer.ts";
import type { Render } from "../format/derive/conversations.ts";
import { deriveFormat } from "../format/derive/derive-format.ts";
import type { ChatFormat } from "../format/format.ts";
import type { ChatConversation, ChatMessage, ChatTool } from "../format/inputs/conversation.ts";
import { renderConversation } from "../format/inputs/render-conversation.ts";
import { callSyntaxOf, spellCalls } from "../format/inputs/spell-call.ts";
import { createReader } from "../format/reader.ts";

interface Template {
  readonly name: string;
  readonly format: ChatFormat;
  readonly render: Render;
}

const renderer = createTemplateRenderer();
const templates: Template[] = [];

beforeAll(async () => {
  for (const [name, source] of llamaTemplates()) {
    const template = await renderer.open({ source, bosText: "<s>", eosText: "</s>" });
    const render: Render = async (values) => await template.render(values as TemplateValues);
    templates.push({
      name,
      render,
      format: await deriveFormat({ render, source: template.sourceFor(true), spentSteps: template.spentSteps }),
    });
  }
});

afterAll(() => renderer.close());

const user = (content: string): ChatMessage => ({ role: "user", content });

const tools: readonly ChatTool[] = ["get_weather", "read_clock"].map((name) => ({
  type: "function",
  function: {
    name,
    description: "Tells it.",
    parameters: { type: "object", properties: { city: { type: "string", description: "Where." } } },
  },
}));

type Call = NonNullable<ChatMessage["tool_calls"]>[number];

function call(id: string, city: string, name = "get_weather"): Call {
  return { id, type: "function", function: { name, arguments: { city } } };
}

function said(content: string, calls: readonly Call[], thought?: string): ChatMessage {
  return {
    role: "assistant",
    content,
    ...(thought === undefined ? {} : { reasoning_content: thought }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function result(id: string, content: string): ChatMessage {
  return { role: "tool", tool_call_id: id, content };
}

const look = "Let me look that up.";
const rain = result("call_1", "It rains cats.");
const snow = result("call_2", "It snows dogs.");
const aarhus = call("call_1", "Aarhus");
const oslo = call("call_2", "Oslo", "read_clock");
const cut = { ...aarhus, function: { ...aarhus.function, arguments: '{"city": "Aarhu' } };
const numbers = '{"city": "Aarhus", "n": [1.0, 1e-07, {"m": 12345678901234567890}]}';

interface Case {
  readonly messages: readonly ChatMessage[];
  /** Words that the prompt must contain, in this order. */
  readonly words: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  "text and a call": {
    messages: [said(look, [aarhus]), rain],
    words: [look, "Aarhus", "It rains cats."],
  },
  "an agent's run": {
    messages: [said(look, [aarhus]), rain, said("And the time.", [oslo]), snow],
    words: [look, "Aarhus", "It rains cats.", "And the time.", "Oslo", "It snows dogs."],
  },
  "two turns": {
    messages: [said(look, [aarhus]), rain, said("It rains.", []), user("Now?"), said("Again.", [oslo]), snow],
    words: [look, "Aarhus", "It rains cats.", "It rains.", "Now?", "Again.", "Oslo", "It snows dogs."],
  },
  "a thought, text and a call": {
    messages: [said(look, [aarhus], "Where is that?"), rain],
    words: [look, "Aarhus", "It rains cats."],
  },
  "text and two calls": {
    messages: [said(look, [aarhus, oslo]), rain, snow, said("It rains.", []), user("Now?")],
    words: [look, "Aarhus", "Oslo", "It snows dogs.", "It rains.", "Now?"],
  },
  "two calls with their results in reverse order": {
    messages: [said("", [aarhus, oslo]), snow, rain],
    words: ["Aarhus", "Oslo"],
  },
  "an incomplete call": {
    messages: [said(look, [cut]), result("call_1", "That is no JSON.")],
    words: [look, "Aarhu", "That is no JSON."],
  },
  "a call without arguments": {
    messages: [said("", [{ ...aarhus, function: { name: "get_weather", arguments: "" } }]), rain],
    words: ["get_weather", "It rains cats."],
  },
  "a call whose arguments are a list": {
    messages: [said("", [{ ...aarhus, function: { ...aarhus.function, arguments: ["Aarhus"] } }]), rain],
    words: ["Aarhus", "It rains cats."],
  },
  "numbers in their original form": {
    messages: [said("", [{ ...aarhus, function: { ...aarhus.function, arguments: numbers } }]), rain],
    words: ["1.0", "1e-07", "12345678901234567890", "It rains cats."],
  },
  "a call without a result": {
    messages: [said(look, [aarhus]), user("Stop that.")],
    words: [look, "Aarhus", "Stop that."],
  },
  "a thought alone": { messages: [said("", [], "Where is that?"), user("Well?")], words: ["Well?"] },
  "an empty answer": { messages: [said("", []), user("Well?")], words: ["Well?"] },
};

async function shown({ format, render }: Template, conversation: ChatConversation): Promise<string> {
  return await renderConversation(format.inputs, conversation, render);
}

/** The defect of the template's rendering; undefined if all words are in order. */
async function complaint(template: Template, { messages, words }: Case, offered: readonly ChatTool[]) {
  try {
    const text = await shown(template, { messages: [user("Weather?"), ...messages], tools: offered });
    const begin = text.indexOf("Weather?");
    const places = words.map((word) => text.indexOf(word, begin));
    const lost = words.filter((_, index) => places[index] === -1);
    if (lost.length > 0) return `lost: ${lost.join(" ")}`;
    return places.every((at, index) => index === 0 || at > (places[index - 1] ?? 0)) ? undefined : "out of order";
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

/** This template renders content before a call as a thought, and leaves out thoughts of earlier turns. */
const asThought = "openai-gpt-oss-120b";

describe("the history shows", () => {
  test.each(Object.entries(cases))("%s, in every template, with and without tools", async (_, one) => {
    const complaints: string[] = [];
    for (const template of templates) {
      for (const offered of [tools, []]) {
        const words = template.name === asThought ? one.words.filter((word) => word !== look) : one.words;
        const what = await complaint(template, { ...one, words }, offered);
        if (what !== undefined) complaints.push(`${template.name}${offered.length === 0 ? ", no tools" : ""}: ${what}`);
      }
    }
    expect(complaints).toEqual([]);
  });

  test("content before a call in the current turn, even if the template renders it as a thought", async () => {
    const template = templates.find(({ name }) => name === asThought);
    const messages = [user("Weather?"), said(look, [aarhus]), rain];
    expect(template && (await shown(template, { messages, tools }))).toContain(look);
  });

  test("an answer in the template's syntax, after the reader has read it", async () => {
    const complaints: string[] = [];
    let read = 0;
    for (const template of templates) {
      const { format } = template;
      const syntax = callSyntaxOf(format.answer);
      const calls = [{ name: "get_weather", id: "call00000", arguments: { city: "Aarhus" } }];
      const spelled = syntax === undefined ? undefined : spellCalls(syntax, calls);
      if (spelled === undefined) continue;
      const message = answerOf(format, `${look}\n\n${spelled}`);
      const [first] = message.tool_calls ?? [];
      if (first === undefined) continue;
      read += 1;
      const messages = [message, result(first.id, "It rains cats.")];
      const what = await complaint(template, { messages, words: [look, "Aarhus", "It rains cats."] }, tools);
      if (what !== undefined) complaints.push(`${template.name}: ${what}`);
    }
    expect(complaints).toEqual([]);
    expect(read).toBeGreaterThan(55);
  });
});

/** Reads an answer as the worker does, and returns the message that a client would send back. */
function answerOf(format: ChatFormat, text: string): ChatMessage {
  const prompt = format.turnOpens[0] ?? "";
  const reader = createReader({
    format,
    start: answerStart(format, prompt),
    tools: tools.map(({ function: { name, parameters } }) => ({ name, parameters })),
  });
  const parts = [...reader.push(text), ...reader.end()];
  const textOf = (kind: string): string =>
    parts.map((part) => (part.kind === kind && "text" in part ? part.text : "")).join("");
  const named = parts.flatMap((part) => (part.kind === "call" ? [part.name] : []));
  const calls = named.slice(0, 1).map((name): Call => {
    return {
      id: "call_1",
      type: "function",
      function: { name, arguments: JSON.parse(textOf("arguments")) as unknown },
    };
  });
  return said(textOf("content"), calls);
}
