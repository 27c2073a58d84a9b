import { createSampler, matchGbnf, readGbnf, seededRandom } from "@waggle/grammar/testing";
import { llamaTemplates } from "../../testing/template/llama-templates.ts";
import { Ajv } from "ajv";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { derivedFormats } from "../../testing/template-formats.ts";
import type { AnswerPart } from "../answer.ts";
import { genericFormat } from "../derive/generic.ts";
import type { ChatFormat } from "../format.ts";
import { withMarks } from "../marks.ts";
import { createReader } from "../reader.ts";
import { type AnswerGrammarOptions, type GrammarTool, answerGrammar, promptMark } from "./answer-grammar.ts";

/** MCP servers give tools such names. */
const oddName = "a/b:c.d-天気_é:2";

const tools = [
  {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", maxLength: 20 },
        unit: { enum: ["celsius", "fahrenheit"] },
        days: { type: "integer", minimum: 1, maximum: 14 },
        exact: { type: "boolean" },
        note: { anyOf: [{ type: "string", maxLength: 9 }, { type: "null" }] },
        mood: { type: ["null", "string"], maxLength: 9 },
        place: {
          type: "object",
          properties: {
            lat: { type: "number" },
            names: { type: "array", items: { type: "string", maxLength: 8 }, maxItems: 3 },
          },
          required: ["lat"],
          additionalProperties: false,
        },
      },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
  { name: oddName, parameters: { type: "object", properties: {}, additionalProperties: false } },
];

const ajv = new Ajv();
const validators = new Map(tools.map(({ name, parameters }) => [name, ajv.compile(parameters)]));
const texts = inject("runs").grammarTexts;
const isLong = process.env["WAGGLE_LONG"] === "1";

interface Read {
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly unreadable: number;
}

function read(format: ChatFormat, text: string): Read {
  const reader = createReader({ format, tools });
  const parts: AnswerPart[] = [...reader.push(text), ...reader.end()];
  const calls: { name: string; arguments: string }[] = [];
  let content = "";
  for (const part of parts) {
    if (part.kind === "call") calls.push({ name: part.name, arguments: "" });
    if (part.kind === "content") content += part.text;
    if (part.kind === "arguments") (calls[part.index] ?? { arguments: "" }).arguments += part.text;
  }
  return { content, calls, unreadable: reader.calls.unreadable };
}

function samples(format: ChatFormat, options: Partial<AnswerGrammarOptions>): string[] {
  const gbnf = answerGrammar({ format, tools, choice: "auto", parallel: true, ...options });
  const sample = createSampler(readGbnf(gbnf));
  const all = Array.from({ length: 2 * texts }, (_, at) => sample(seededRandom(inject("seed") + at)));
  // Samples with this mark begin with the end of a prompt.
  return all.filter((text) => !text.startsWith(promptMark)).slice(0, texts);
}

/** Lists the errors in an answer that was read. */
function faults({ calls, unreadable }: Read): string[] {
  return [
    ...(unreadable > 0 ? ["a text that looks like a call cannot be read"] : []),
    ...calls.flatMap(({ name, arguments: text }) => {
      try {
        return validators.get(name)?.(JSON.parse(text)) === true ? [] : [`${name} is invalid: ${text}`];
      } catch {
        return [`${name} is no JSON: ${text}`];
      }
    }),
  ];
}

let formats = new Map<string, ChatFormat>();
beforeAll(async () => {
  formats = await derivedFormats();
});

describe.each([...llamaTemplates().keys()])("%s", (name) => {
  const open = (marked: boolean): ChatFormat => {
    const format = formats.get(name);
    if (format === undefined) throw new Error(`${name} was not derived`);
    return marked ? withMarks(format, (text) => !/["=\s]/.test(text)) : format;
  };

  test.each([true, false])("every call of its grammar is readable and valid; markers are tokens: %s", (marked) => {
    const format = open(marked);
    for (const text of marked || isLong ? samples(format, { choice: "required" }) : []) {
      const answer = read(format, text);
      expect(faults(answer).join("\n"), text).toBe("");
      expect(answer.calls.length, text).toBeGreaterThan(0);
    }
    for (const text of samples(format, { choice: "auto" }))
      expect(faults(read(format, text)).join("\n"), text).toBe("");
    for (const text of marked || isLong ? samples(format, { choice: { name: oddName } }) : []) {
      expect(read(format, text).calls, text).toEqual([
        { name: oddName, arguments: expect.stringMatching(/^\{\s*\}$/) },
      ]);
    }
  });

  test("content follows its schema, with or without a thought before the content", () => {
    const format = open(true);
    const schema = {
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    for (const text of samples(format, { schema, tools: [] })) {
      expect(JSON.parse(read(format, text).content), text).toEqual({ a: expect.any(Number) });
    }
  });

  test("content with a schema has no white space around it, also after a prompt that ends with a part of the answer", () => {
    const options = { format: open(true), tools: [], choice: "auto", parallel: true, schema: { const: 42 } } as const;
    const gbnf = readGbnf(answerGrammar(options));
    const accepted = (text: string): boolean => matchGbnf(gbnf, text).accepted;
    for (const said of ["", `${promptMark}\n\n${promptMark}`]) {
      expect(accepted(`${said}42`)).toBe(true);
      expect([" 42", "\n42", "42 ", "42\n"].filter((text) => accepted(said + text))).toEqual([]);
    }
  });
});

/** Calls as models of these families write them without a grammar: the grammar must accept them. */
describe.each([
  [
    "Qwen3-Coder",
    "<tool_call>\n<function=note>\n<parameter=text>\nhello\n</parameter>\n<parameter=count>\n3\n</parameter>\n</function>\n</tool_call>",
  ],
  [
    "deepseek-ai-DeepSeek-V3.2",
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="note">\n<｜DSML｜parameter name="text" string="true">hello</｜DSML｜parameter>\n<｜DSML｜parameter name="count" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
  ],
  [
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "note", "parameters": {"text": "hello", "count": 3}}\n]<|END_ACTION|>',
  ],
])("a call in the family's syntax, in the grammar of %s", (name, text) => {
  test.each([
    ["a text", { type: "string" }],
    ["a text or null", { anyOf: [{ type: "string" }, { type: "null" }] }],
  ])("%s", (_, type) => {
    const parameters = {
      type: "object",
      properties: { text: type, count: { type: "integer" } },
      required: ["text", "count"],
      additionalProperties: false,
    };
    const format = formats.get(name) as ChatFormat;
    const gbnf = answerGrammar({ format, tools: [{ name: "note", parameters }], choice: "auto", parallel: true });
    expect(matchGbnf(readGbnf(gbnf), text).accepted).toBe(true);
    expect(matchGbnf(readGbnf(gbnf), text.replace(/3(?!.*3)/s, "x")).accepted).toBe(false);
  });
});

function accepts(name: string, given: readonly GrammarTool[], text: string, said = ""): boolean {
  const format = formats.get(name) as ChatFormat;
  const gbnf = answerGrammar({ format, tools: given, choice: "auto", parallel: true });
  return matchGbnf(readGbnf(gbnf), said + text).accepted;
}

const note = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };

describe("escapes in arguments", () => {
  test.each([
    ["meta-llama-Llama-3.1-8B-Instruct", (text: string) => `{"name": "note", "parameters": {"text": "${text}"}}`],
    ["meta-llama-Llama-3.3-70B-Instruct", (text: string) => `{"name": "note", "parameters": {"text": "${text}"}}`],
    ["meetkai-functionary-medium-v3.1", (text: string) => `<function=note>{"text": "${text}"}</function><|eom_id|>`],
    ["LFM2-8B-A1B", (text: string) => `<|tool_call_start|>[note(text="${text}")]<|tool_call_end|>`],
    ["LFM2.5-8B-A1B", (text: string) => `<|tool_call_start|>[note(text='${text}')]<|tool_call_end|>`],
  ])("are accepted in spite of other rules for calls: %s", (name, call) => {
    for (const text of [String.raw`sch\u00f6n`, String.raw`\u65e5\n\u000b`, String.raw`\ud83d\ude00`]) {
      expect(accepts(name, [{ name: "note", parameters: note }], call(text)), text).toBe(true);
    }
  });
});

describe("a tool whose schema cannot become a grammar", () => {
  const lookbehind = { type: "object", properties: { text: { type: "string", pattern: "(?<=a)b" } } };
  const tool: GrammarTool = { name: "note", parameters: lookbehind };

  test.each(["google-gemma-4-31B-it", "google-gemma-4-31B-it-interleaved"])("takes the quotes of %s", (name) => {
    const text = '<|tool_call>call:note{text:<|"|>say "hi"<|"|>,more:{a-b:[<|"|>x<|"|>,null]}}<tool_call|>';
    expect(accepts(name, [tool], text)).toBe(true);
    expect(accepts(name, [tool], text.replaceAll('<|"|>', '"'))).toBe(false);
  });

  test.each([
    ["LFM2-8B-A1B", `<|tool_call_start|>[note(text='it', all=[True, None, {'a': 1}])]<|tool_call_end|>`],
    [
      "MiniMax-M3",
      ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="note">]<]minimax[>[<text>hi]<]minimax[>[</text>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>',
    ],
    ["openbmb-MiniCPM5-1B", '<function name="note"><param name="text">hi</param></function>'],
  ])("takes the arguments of %s", (name, text) => {
    expect(accepts(name, [tool], text)).toBe(true);
  });
});

describe("a tool whose schema has keywords that no grammar guarantees", () => {
  const unique = { type: "object", properties: { text: { type: "array", uniqueItems: true } }, required: ["text"] };

  test.each(["auto", "required", { name: "note" }] as const)("is called without them: %j", (choice) => {
    const leftOut: unknown[] = [];
    const given = [{ name: "other" }, { name: "note", parameters: unique, strict: false }];
    const gbnf = readGbnf(
      answerGrammar({ format: genericFormat, tools: given, choice, parallel: true }, (...told) => leftOut.push(told)),
    );
    expect(leftOut).toEqual([[1, "/properties/text/uniqueItems"]]);
    const call = (text: string): string => `<tool_call>\n{"name": "note", "arguments": {"text":${text}}}\n</tool_call>`;
    expect(matchGbnf(gbnf, call("[1,1]")).accepted).toBe(true);
    expect(matchGbnf(gbnf, call("1")).accepted).toBe(false);
  });

  test("is refused if it is strict", () => {
    const strict = [{ name: "note", parameters: unique, strict: true }];
    expect(() => answerGrammar({ format: genericFormat, tools: strict, choice: "auto", parallel: true })).toThrow(
      '"uniqueItems" at /properties/text/uniqueItems is not supported',
    );
  });
});

describe("the parameters of a tool", () => {
  const call = (args: string): string => `<tool_call>\n{"name": "note", "arguments": ${args}}\n</tool_call>`;

  test.each([true, false, undefined])("follow the schema with strict: %s", (strict) => {
    const tool: GrammarTool = { name: "note", parameters: note, ...(strict === undefined ? {} : { strict }) };
    expect(accepts("Qwen-Qwen2.5-7B-Instruct", [tool], call('{"text": "a"}'))).toBe(true);
    expect(accepts("Qwen-Qwen2.5-7B-Instruct", [tool], call('{"text": 1}'))).toBe(false);
  });

  test("may be only an empty object if the list is empty, and any object without a list", () => {
    const empty = { type: "object", properties: {}, required: [] };
    expect(accepts("Qwen-Qwen2.5-7B-Instruct", [{ name: "note", parameters: empty }], call("{}"))).toBe(true);
    expect(accepts("Qwen-Qwen2.5-7B-Instruct", [{ name: "note", parameters: empty }], call('{"a": 1}'))).toBe(false);
    const any: GrammarTool = { name: "note", parameters: { type: "object" } };
    expect(accepts("Qwen-Qwen2.5-7B-Instruct", [any], call('{"a": 1}'))).toBe(true);
    const tagged = "<tool_call>\n<function=note>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>";
    expect(accepts("Qwen3-Coder", [any], tagged)).toBe(true);
  });
});

describe("1,024 tools", () => {
  const many = Array.from({ length: 1_024 }, (_, i) => ({
    name: `server_${i % 9}_do_something_${i}`,
    parameters: {
      type: "object",
      properties: { text: { type: "string" }, count: { type: "integer" }, state: { enum: ["open", "closed"] } },
      required: ["text"],
      additionalProperties: false,
    },
  }));
  const names = ["Qwen3-Coder", "CohereForAI-c4ai-command-r7b-12-2024-tool_use", "openai-gpt-oss-120b"];

  test.each(names)("are all offered with %s, with any arguments if their schemas are too large", (name) => {
    const format = formats.get(name) as ChatFormat;
    const texts = samples(format, { tools: many });
    const called = texts.flatMap((text) => {
      const reader = createReader({ format, tools: many });
      const parts: AnswerPart[] = [...reader.push(text), ...reader.end()];
      expect(reader.calls.unreadable).toBe(0);
      return parts.flatMap((part) => (part.kind === "call" ? [part.name] : []));
    });
    expect(new Set(called).size).toBeGreaterThan(1);
    expect(called.filter((one) => !many.some((tool) => tool.name === one))).toEqual([]);
  });

  test("without their schemas are reported, each with its index", () => {
    const leftOut: [tool: number, pointer: string][] = [];
    const format = formats.get(names[0] ?? "") as ChatFormat;
    const strict = many.map((tool, index) => ({ ...tool, strict: index === 1 }));
    answerGrammar({ format, tools: strict, choice: "auto", parallel: true }, (...place) => leftOut.push(place));
    expect(leftOut.slice(0, 2)).toEqual([
      [0, ""],
      [2, ""],
    ]);
    expect(leftOut).toHaveLength(1_023);
  });
});
