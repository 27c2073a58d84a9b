// Makes the answers that the reader benchmark reads: an assistant's turn, written by a real template and cut into pieces like a tokenizer's.
import { isDeepStrictEqual } from "node:util";
import { createReader, deriveFormat, withMarks, type AnswerTool, type ChatFormat } from "@waggle/chat-format/format";
import { createTemplateRenderer, type ChatTemplate, type TemplateValues } from "@waggle/chat-format/template";
import { familyVocabulary } from "@waggle/testing/models";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";

export interface AnswerToken {
  readonly bytes: Uint8Array;
  /** The marker's text if the token is a marker. */
  readonly mark: string | undefined;
}

export interface Subject {
  readonly name: string;
  readonly template: string;
  readonly format: ChatFormat;
  readonly tools: readonly AnswerTool[];
  /** The beginning of the answer, if the prompt already contains it. */
  readonly said: string;
  readonly tokens: readonly AnswerToken[];
}

interface AnswerSample {
  readonly name: string;
  readonly template: string;
  readonly message: Readonly<Record<string, unknown>>;
}

const prose =
  "The rain came down over the harbour all morning, and no one who had a choice went out. By noon it was 12 degrees; the boats lay " +
  "still, their ropes dark with water, and somewhere behind the warehouses a dog barked twice. ";
const article = prose.repeat(5).trim();
const call = {
  id: "call00001",
  type: "function",
  function: {
    name: "write_note",
    arguments: {
      title: "Harbour in the rain",
      count: 12,
      urgent: true,
      text: article,
      tags: ["rain", "boats", "noon"],
    },
  },
};
const parameters = {
  type: "object",
  properties: {
    title: { type: "string", description: "Title" },
    count: { type: "integer", description: "Copies" },
    urgent: { type: "boolean", description: "Now" },
    text: { type: "string", description: "Text" },
    tags: { type: "array", items: { type: "string" }, description: "Tags" },
  },
  required: ["title"],
};
const tools = [{ name: "write_note", description: "Writes a note", parameters }];
const calls = { role: "assistant", content: "", tool_calls: [call] };

const parts: readonly AnswerSample[] = [
  { name: "content", template: "Qwen-Qwen3-0.6B", message: { role: "assistant", content: article } },
  { name: "thought", template: "GLM-4.6", message: { role: "assistant", content: "So.", reasoning_content: article } },
  { name: "JSON in tags", template: "Qwen-Qwen3-0.6B", message: calls },
  { name: "bare JSON", template: "meta-llama-Llama-3.2-3B-Instruct", message: calls },
  { name: "tagged, by schema", template: "Qwen3-Coder", message: calls },
  { name: "tagged, typed", template: "GLM-4.6", message: calls },
  { name: "pythonic", template: "LFM2.5-8B-A1B", message: calls },
  { name: "gemma", template: "google-gemma-4-31B-it", message: calls },
];

/** Short pieces of words, numbers and signs, similar to those of byte pair encoding. */
const pieces = /\s?[A-Za-z]{1,6}|\s?\d{1,3}|\s+|[^\sA-Za-z\d]{1,2}/g;
const encoder = new TextEncoder();

export async function openSubjects(): Promise<Subject[]> {
  const renderer = createTemplateRenderer();
  // The renderer's thread does not keep this process alive; the timer does.
  const alive = setInterval(() => {}, 60_000);
  try {
    const subjects: Subject[] = [];
    for (const part of parts) {
      const source = llamaTemplates().get(part.template) ?? "";
      const template = await renderer.open({ source, bosText: "", eosText: "" });
      subjects.push(await subjectOf(part, source, template));
    }
    return subjects;
  } finally {
    clearInterval(alive);
    await renderer.close();
  }
}

async function subjectOf(part: AnswerSample, source: string, template: ChatTemplate): Promise<Subject> {
  const render = async (values: Readonly<Record<string, unknown>>): Promise<string> =>
    await template.render(values as TemplateValues);
  const { control, userDefined } = familyVocabulary(source);
  const derived = await deriveFormat({ render, source: template.sourceFor(true) });
  const format = withMarks(derived, (text) => (userDefined.includes(text) ? "user" : control.includes(text)));
  const user = { role: "user", content: "Write a note." };
  const shown = { tools: tools.map((tool) => ({ type: "function", function: tool })) };
  const prompt = await render({ messages: [user], ...shown, add_generation_prompt: true });
  const turn = await render({ messages: [user, part.message], ...shown, add_generation_prompt: false });
  if (!turn.includes("no one who had a choice"))
    throw new Error(`Cannot measure ${part.template}: the template leaves the text out`);
  // The prompt of a template that disables thinking begins the answer differently than the turn does. Then the whole turn is measured.
  const begins = Math.max(
    ...format.turnOpens.map((open) => (prompt.includes(open) ? prompt.lastIndexOf(open) + open.length : 0)),
  );
  const [said, text] = turn.startsWith(prompt)
    ? [prompt.slice(begins), turn.slice(prompt.length)]
    : ["", turn.slice(begins)];
  const subject = { name: part.name, template: part.template, format, tools, said, tokens: tokensOf(text, format) };
  checkReading(subject, part.message);
  return subject;
}

/** @throws Error when the reader does not find the answer's parts: its measured cost would be meaningless */
function checkReading({ template, format, said, tokens }: Subject, message: AnswerSample["message"]): void {
  const reader = createReader({ format, tools, start: { said } });
  const decoder = new TextDecoder();
  const read = tokens.flatMap(({ bytes, mark }) => reader.push(mark ?? decoder.decode(bytes, { stream: true })));
  read.push(...reader.end());
  const textOf = (kind: string): string =>
    read.map((piece) => (piece.kind === kind && "text" in piece ? piece.text : "")).join("");
  const found = [textOf("content"), textOf("reasoning"), textOf("arguments")];
  const wanted =
    message === calls
      ? isDeepStrictEqual(JSON.parse(found[2] || "null"), call.function.arguments)
      : found.some((one) => one.trim().startsWith(article));
  if (!wanted) throw new Error(`Cannot measure ${template}: the answer is read as ${JSON.stringify(found)}`);
}

function tokensOf(text: string, { marks }: ChatFormat): AnswerToken[] {
  const longestFirst = marks.toSorted((a, b) => b.text.length - a.text.length);
  const tokens: AnswerToken[] = [];
  let rest = text;
  while (rest !== "") {
    const at = longestFirst.find((mark) => rest.startsWith(mark.text));
    if (at !== undefined) {
      tokens.push({ bytes: encoder.encode(at.control ? "" : at.text), mark: at.mark });
      rest = rest.slice(at.text.length);
      continue;
    }
    const next = Math.min(...marks.map((mark) => rest.indexOf(mark.text)).filter((index) => index > 0), rest.length);
    for (const [piece] of rest.slice(0, next).matchAll(pieces))
      tokens.push({ bytes: encoder.encode(piece), mark: undefined });
    rest = rest.slice(next);
  }
  return tokens;
}
