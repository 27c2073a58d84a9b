// Owns the answers of round trips: an assistant's message, the tools that it may call, and the words that show that a template has rendered the
// message.
import type { AnswerTool } from "../format/answer.ts";
import type { ExpectedAnswer } from "./llama-cases.ts";

export interface RoundTripAnswer {
  readonly name: string;
  readonly tools: readonly AnswerTool[];
  readonly expected: ExpectedAnswer;
  /** Whether the request switches thinking on. Absent: several settings are tried. */
  readonly thinking?: boolean;
  /**
   * ASCII texts that no template escapes. If a word or the pattern is not in the rendering, the template drops the part of the answer that has it.
   */
  readonly words: {
    readonly thought?: string;
    readonly content?: string;
    readonly calls?: readonly string[];
    readonly pattern?: RegExp;
  };
}

/** Every property has a description, since some templates do not render properties without one. */
function property(type: unknown, description: string, more: object = {}): object {
  return { type, description, ...more };
}

function tool(name: string, description: string, properties: object, required: readonly string[]): AnswerTool {
  return { name, description, parameters: { type: "object", properties, required } } as AnswerTool;
}

const weather = tool(
  "get_weather",
  "Weather of a city",
  { city: property("string", "Name of the city"), days: property("integer", "Days ahead") },
  ["city"],
);
const clock = tool("read_clock", "Time now", {}, []);
const order = tool(
  "place_order",
  "Order an article",
  {
    article: property("string", "What"),
    count: property("integer", "How many"),
    price: property("number", "Price of one"),
    gift: property("boolean", "Wrap it"),
    express: property("boolean", "By express"),
  },
  ["article"],
);
const alarm = tool(
  "set_alarm",
  "Set an alarm",
  { hour: property("integer", "Hour"), repeat: property(["integer", "null"], "Times, or null for ever") },
  ["hour"],
);
const plan = tool(
  "save_plan",
  "Save a plan",
  {
    title: property("string", "Title"),
    owner: property("object", "Who does it", {
      properties: { first: property("string", "First name"), age: property("integer", "Years") },
    }),
    steps: property("array", "Steps", { items: property("string", "Step") }),
    points: property("array", "Points", {
      items: property("object", "Point", { properties: { x: property("number", "Place") } }),
    }),
  },
  ["title"],
);
const edit = tool(
  "edit_file",
  "Edit a file",
  { path: property("string", "File"), before: property("string", "Old text"), after: property("string", "New text") },
  ["path", "before", "after"],
);

const paris = { name: "get_weather", arguments: { city: "Paris", days: 3 } };
const parisWords = ["get_weather", "Paris"];
const answered = "It is a bright afternoon.";
const thought = "The user greets me, so a look outside helps.";
const lookup = "Let me look that up.";

/** The messages that templates render, simplest first. */
export const roundTripAnswers: readonly RoundTripAnswer[] = [
  { name: "plain", tools: [], expected: { content: answered }, words: { content: answered } },
  { name: "plain beside tools", tools: [weather], expected: { content: answered }, words: { content: answered } },
  {
    name: "thought and answer",
    tools: [],
    expected: { reasoning: thought, content: answered },
    words: { thought, content: answered },
  },
  {
    name: "thought and call",
    tools: [weather],
    expected: { reasoning: thought, calls: [paris] },
    words: { thought, calls: parisWords },
  },
  { name: "call", tools: [weather], expected: { calls: [paris] }, words: { calls: parisWords } },
  {
    name: "call with numbers and booleans",
    tools: [order],
    expected: {
      calls: [
        { name: "place_order", arguments: { article: "lamp", count: 12, price: -2.5, gift: true, express: false } },
      ],
    },
    words: { calls: ["place_order", "lamp", "-2.5", "express"] },
  },
  {
    name: "call with null",
    tools: [alarm],
    expected: { calls: [{ name: "set_alarm", arguments: { hour: 7, repeat: null } }] },
    // Some templates print nothing for null.
    words: { calls: ["set_alarm", "repeat"], pattern: /repeat.*(?:null|None)/su },
  },
  {
    name: "call with objects and lists",
    tools: [plan],
    expected: {
      calls: [
        {
          name: "save_plan",
          arguments: {
            title: "Garden",
            owner: { first: "Ada", age: 36 },
            steps: ["dig", "sow", "wait"],
            points: [{ x: 1.5 }, { x: 2 }],
          },
        },
      ],
    },
    words: { calls: ["save_plan", "Garden", "Ada", "wait", "1.5"] },
  },
  {
    name: "call with awkward text",
    tools: [edit],
    expected: {
      calls: [
        {
          name: "edit_file",
          arguments: {
            path: "C:\\pages\\größe 日本 🙂.html",
            before: "say(\"hi\", 'you')\n\tif (a < b && c > d) return [1, {x: 2}];",
            after: '<p class="x">one</p>\n<p>it\'s two</p>\n',
          },
        },
      ],
    },
    words: { calls: ["edit_file", "pages", "return [1", "two"] },
  },
  {
    name: "two calls",
    tools: [weather, clock],
    expected: { calls: [paris, { name: "get_weather", arguments: { city: "Oslo" } }] },
    words: { calls: [...parisWords, "Oslo"] },
  },
  {
    name: "content and call",
    tools: [weather],
    expected: { content: lookup, calls: [paris] },
    words: { content: lookup, calls: parisWords },
  },
  {
    name: "call without arguments",
    tools: [clock],
    expected: { calls: [{ name: "read_clock", arguments: {} }] },
    words: { calls: ["read_clock"] },
  },
  {
    name: "plain, thinking switched off",
    tools: [],
    thinking: false,
    expected: { content: answered },
    words: { content: answered },
  },
  {
    name: "call, thinking switched off",
    tools: [weather],
    thinking: false,
    expected: { calls: [paris] },
    words: { calls: parisWords },
  },
  {
    name: "thought and call, thinking switched on",
    tools: [weather],
    thinking: true,
    expected: { reasoning: thought, calls: [paris] },
    words: { thought, calls: parisWords },
  },
];
