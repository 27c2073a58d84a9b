import { readFileSync } from "node:fs";
import { createTemplateRenderer } from "../template/index.ts";
import { type Conversation, conversations } from "./template/conversations.ts";
import { hashOf, pinnedDate } from "./template/reference.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerStart } from "../format/answer.ts";
import { deriveFormat } from "../format/derive/derive-format.ts";
import { thoughtEndOf } from "../format/derive/derive-thought-end.ts";
import type { ChatFormat } from "../format/format.ts";
import { type ChatConversation, type ChatMessage, TemplateInputError } from "../format/inputs/conversation.ts";
import { finalText, renderConversation } from "../format/inputs/render-conversation.ts";
import { createReader } from "../format/reader.ts";
import { expectedDifferences } from "./hf-differences.ts";
import { type Records, type Row, bosText, chatOf, eosText, rowsFromText } from "./hf-variants.ts";

interface Outcome {
  readonly template: string;
  readonly conversation: Conversation;
  readonly row: Row;
  /** Absent if rendering failed. */
  readonly text?: string;
  readonly error?: unknown;
}

const records = JSON.parse(readFileSync(new URL("hf-renderings.json", import.meta.url), "utf8")) as Records;
const renderer = createTemplateRenderer({ now: () => pinnedDate });
let outcomes: readonly Outcome[] = [];

type Render = (values: Readonly<Record<string, unknown>>) => Promise<string>;
const opened = new Map<string, { readonly format: ChatFormat; readonly render: Render }>();

beforeAll(async () => {
  const all = [...llamaTemplates()].map(async ([template, source]) => {
    const chat = await renderer.open({ source, bosText, eosText });
    const render: Render = async (values) => {
      const { messages, add_generation_prompt } = values;
      return await chat.render({
        ...values,
        messages: messages as [],
        add_generation_prompt: add_generation_prompt === true,
      });
    };
    const format = await deriveFormat({ source, render, spentSteps: chat.spentSteps });
    opened.set(template, { format, render });
    const found: Outcome[] = [];
    const rows = rowsFromText(records[template] ?? "");
    for (const [index, conversation] of conversations.entries()) {
      const row: Row = rows[index] ?? new Map();
      const base = { template, conversation, row };
      try {
        found.push({ ...base, text: await renderConversation(format.inputs, chatOf(conversation), render) });
      } catch (error) {
        found.push({ ...base, error });
      }
    }
    return found;
  });
  outcomes = (await Promise.all(all)).flat();
});

afterAll(() => renderer.close());

/** Compares an outcome with Hugging Face's. */
function kindOf({ row, text }: Outcome): string {
  const hash = text === undefined ? "" : hashOf(text);
  const given = [...row].find(([key, hashes]) => key !== "drops" && hashes.includes(hash))?.[0];
  if (given !== undefined) return given === "" ? "equal" : `equal, given ${given}`;
  if (!row.has("")) return text === undefined ? "refused alike" : "rendered where Hugging Face refuses";
  return "different";
}

function names(kind: string): readonly string[] {
  return outcomes
    .filter((outcome) => kindOf(outcome) === kind)
    .map(({ template, conversation }) => `${template}: ${conversation.name}`)
    .toSorted();
}

describe("llama.cpp's templates", () => {
  test("render whole conversations like Hugging Face, except for the listed differences", () => {
    const counts = new Map<string, number>();
    for (const outcome of outcomes) counts.set(kindOf(outcome), (counts.get(kindOf(outcome)) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      equal: 1428,
      "equal, given date": 46,
      "equal, given filled": 9,
      "equal, given ids": 8,
      "equal, given parts": 2,
      "equal, given reasoning": 1,
      "equal, given system": 60,
      "equal, given thinking": 2,
      "refused alike": 6,
      "rendered where Hugging Face refuses": 137,
      different: 121,
    });
    const listed = expectedDifferences.flatMap(({ templates }) =>
      Object.entries(templates).flatMap(([template, all]) => all.map((name) => `${template}: ${name}`)),
    );
    expect(names("different")).toEqual(listed.toSorted());
  });

  test("render more than 95 of 100 conversations like Hugging Face, except for parts that Hugging Face drops", () => {
    for (const { template, conversation, row } of outcomes) {
      const expected = expectedDifferences.find(({ templates }) => templates[template]?.includes(conversation.name));
      if (expected?.drops === true) expect(row.get("drops"), `${template}: ${conversation.name}`).toBeDefined();
    }
    const dropping = expectedDifferences
      .filter(({ drops }) => drops)
      .flatMap(({ templates }) => Object.values(templates).flat());
    const different = names("different").length;
    const comparable = outcomes.length - dropping.length;
    expect(outcomes).toHaveLength(1820);
    expect((outcomes.length - different) / comparable).toBeGreaterThan(0.95);
  });

  test("all render plain conversations", () => {
    const plain = ["user", "user, untrimmed", "system", "turns", "turns with system", "part", "parts", "developer"];
    for (const { template, conversation, text, error } of outcomes) {
      if (plain.includes(conversation.name))
        expect(text, `${template}: ${conversation.name}: ${String(error)}`).toBeDefined();
    }
  });

  test("lose no part of a conversation except thoughts", () => {
    const lost = outcomes.flatMap(({ template, conversation, text }) =>
      text === undefined
        ? []
        : wordsOf(chatOf(conversation))
            .filter((word) => !spellings(word).some((spelling) => text.includes(spelling)))
            .map((word) => `${template}: ${conversation.name}: ${word.slice(0, 5)}`),
    );
    // This template treats every "/think" in the user's text as a switch.
    expect(lost).toEqual(["NVIDIA-Nemotron-Nano-v2: awkward text: Grüße"]);
  });

  test("cause no error of this package for any conversation", () => {
    expect(outcomes.filter(({ error }) => error instanceof TemplateInputError)).toEqual([]);
  });
});

describe("an answer that continues a message", () => {
  const asks: ChatMessage = { role: "user", content: "Sing a song." };

  /** The part that the reader reports at the end of the prompt, or the reason for a failure. */
  async function goesOn(template: string, message: Partial<ChatMessage>): Promise<string> {
    const { format, render } = opened.get(template) ?? {};
    if (format === undefined || render === undefined) return "";
    const { name, on } = format.abilities.thinkingSwitch ?? {};
    const variables = name === undefined || message.content !== undefined ? {} : { [name]: on };
    const messages: readonly ChatMessage[] = [asks, { role: "assistant", content: "", ...message }];
    const conversation = { messages, template: { continueFinalMessage: true, variables } };
    try {
      const prompt = await renderConversation(format.inputs, conversation, render);
      if (!prompt.endsWith(finalText(conversation))) return "elsewhere";
      return createReader({ format, tools: [], start: answerStart(format, prompt) }).in;
    } catch (error) {
      return error instanceof TemplateInputError ? "refused" : String(error);
    }
  }

  async function exceptions(where: string, message: Partial<ChatMessage>, of: (format: ChatFormat) => boolean) {
    const found: string[] = [];
    for (const [template, { format }] of [...opened].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const goes = of(format) ? await goesOn(template, message) : where;
      if (goes !== where) found.push(`${template}: ${goes}`);
    }
    return found;
  }

  test("continues the content of the last message", async () => {
    expect(await exceptions("content", { content: "La la lu" }, () => true)).toEqual([
      // The template opens a thought before every last message.
      "NVIDIA-Nemotron-Nano-v2: reasoning",
    ]);
  });

  test("continues the thought of the last message if the template shows it", async () => {
    const shown = ({ inputs }: ChatFormat): boolean => inputs.thoughtKey !== undefined;
    expect(await exceptions("reasoning", { reasoning_content: "Hm hm mh" }, shown)).toEqual([
      // The template shows the thought without its opening.
      "Apriel-1.6-15b-Thinker-fixed: content",
      // These templates show a thought only with calls, or not in the last message.
      "CohereForAI-c4ai-command-r7b-12-2024-tool_use: refused",
      "Kimi-K2-Thinking: refused",
      "google-gemma-4-31B-it: refused",
      "google-gemma-4-31B-it-interleaved: refused",
    ]);
  });

  test("ends its thought at the text with which the server ends thoughts", () => {
    const unread: string[] = [];
    for (const [template, { format }] of opened) {
      if (format.abilities.thinking === "never") continue;
      const read = openings.map((opening) => {
        const reader = createReader({ format, tools: [] });
        const parts = [`${opening}Hm hm`, thoughtEndOf(format), "La la"].flatMap((text) => reader.push(text));
        const said = [...parts, ...reader.end()];
        return ["reasoning", "content"].map((kind) =>
          said.map((part) => (part.kind === kind && "text" in part ? part.text : "")).join(""),
        );
      });
      if (!read.some(([thought, content]) => thought?.trim() === "Hm hm" && content?.trim() === "La la"))
        unread.push(template);
    }
    expect(unread).toEqual([]);
    expect([...opened.values()].filter(({ format }) => thoughtEndOf(format) !== "")).toHaveLength(43);
  });
});

/** Beginnings of thoughts. */
const openings = [
  ...["<think>\n", "<|channel|>analysis<|message|>", "<|channel>thought\n", "<|START_THINKING|>", "[THINK]"],
  ...["<seed:think>", "<|start|>assistant to=self<|message|>", "<|open|>think<|sep|>", "<mm:think>", "<|think|>"],
  ...["<think:opensource>", "Here are my reasoning steps:\n", "<|inner_prefix|>", "<|begin|>assistant<|think|>"],
];

/** The texts of a conversation that its prompt must contain. */
function wordsOf({ messages, tools = [] }: ChatConversation): string[] {
  return [
    ...messages.flatMap(({ content, tool_calls: calls = [] }) => [
      ...(typeof content === "string" ? [content] : content.map(({ text }) => text)).map((text) => text.trim()),
      ...calls.flatMap(({ function: { name, arguments: given } }) => [
        name,
        ...Object.values(given as object).filter((value) => typeof value === "string"),
      ]),
    ]),
    ...tools.flatMap(({ function: { name, description } }) => [name, description?.split("\n")[0] ?? ""]),
  ];
}

/** A word unchanged, in JSON, without spaces as in compact JSON, and with HTML entities. */
function spellings(word: string): string[] {
  const json = JSON.stringify(word).slice(1, -1);
  return [word, json, word.replaceAll(/([:,]) /g, "$1"), json.replaceAll('"', "&#34;"), word.replaceAll("'", "&#39;")];
}
