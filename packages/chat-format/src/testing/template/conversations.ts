// Owns the conversations that all templates render, here and in Python's Jinja: one for each use of the API, and some for the forms in which
// clients write the same values.
import { jsonText } from "../../template/values/input.ts";

export interface Conversation {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const user = { role: "user", content: "What is the weather in Aarhus?" };
const system = { role: "system", content: "You answer in one sentence." };
const answer = { role: "assistant", content: "It rains." };
const thanks = { role: "user", content: "And tomorrow?" };

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather of a city.",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", description: "The city's name." },
        unit: { type: "string", enum: ["celsius", "fahrenheit"], default: "celsius" },
      },
      required: ["city"],
    },
  },
};

const awkward = {
  type: "function",
  function: {
    name: "book_table",
    description: 'Books a table.\nSays "done" when it\'s booked.',
    parameters: {
      type: "object",
      properties: {
        guests: { type: "integer", minimum: 1, description: "How many come." },
        when: { type: ["string", "null"], description: "A date & a time <ISO 8601>." },
        place: {
          type: "object",
          description: "Where to sit.",
          properties: { floor: { type: "number" }, outside: { type: "boolean", default: false } },
          required: ["floor"],
        },
        wishes: { type: "array", description: "What they want.", items: { type: "string" } },
        items: { anyOf: [{ type: "string" }, { type: "integer" }], description: "Either way." },
      },
      required: ["guests", "place"],
    },
  },
};

const ping = {
  type: "function",
  function: { name: "ping", description: "Pings.", parameters: { type: "object", properties: {} } },
};
const bare = { type: "function", function: { name: "ping" } };

function call(args: unknown, name = "get_weather", id = "call_1"): Record<string, unknown> {
  return { id, type: "function", function: { name, arguments: args } };
}

function calls(...toolCalls: readonly unknown[]): Record<string, unknown> {
  return { role: "assistant", content: "", tool_calls: toolCalls };
}

function result(content: unknown, id = "call_1", name = "get_weather"): Record<string, unknown> {
  return { role: "tool", tool_call_id: id, name, content };
}

const inAarhus = call({ city: "Aarhus", unit: "celsius" });
const rain = result('{"rain": true, "degrees": 7}');
const shortId = "abcdef123";

function conversation(name: string, messages: readonly unknown[], rest: Record<string, unknown> = {}): Conversation {
  return { name, values: { messages, tools: null, documents: null, add_generation_prompt: true, ...rest } };
}

/** A conversation for each use of the API. */
export const conversations: readonly Conversation[] = [
  conversation("user", [user]),
  conversation("user, untrimmed", [{ role: "user", content: "  \n What?\n\n" }]),
  conversation("system", [system, user]),
  conversation("turns", [user, answer, thanks]),
  conversation("turns with system", [system, user, answer, thanks]),
  conversation("tool", [user], { tools: [weather] }),
  conversation("tools, awkward", [system, user], { tools: [weather, awkward] }),
  conversation("tool, bare", [user], { tools: [bare] }),
  conversation("call and result", [user, calls(inAarhus), rain], { tools: [weather] }),
  conversation("call, result, answer, user", [system, user, calls(inAarhus), rain, answer, thanks], {
    tools: [weather],
  }),
  conversation(
    "short id",
    [user, calls(call({ city: "Aarhus" }, "get_weather", shortId)), result("rain", shortId), answer, thanks],
    { tools: [weather] },
  ),
  conversation(
    "two calls",
    [
      user,
      calls(
        inAarhus,
        call({ guests: 2, place: { floor: 1 }, wishes: ["quiet", "by the window"] }, "book_table", "call_2"),
      ),
      rain,
      result("done", "call_2", "book_table"),
    ],
    { tools: [weather, awkward] },
  ),
  conversation("content and call", [user, { ...calls(inAarhus), content: "Let me look." }, rain], { tools: [weather] }),
  conversation("call without arguments", [user, calls(call({}, "ping")), result("pong", "call_1", "ping")], {
    tools: [ping],
  }),
  conversation("call without tools", [user, calls(inAarhus), rain]),
  conversation("thought", [user, { ...answer, reasoning_content: "They ask for the weather." }, thanks]),
  conversation("thought and call", [user, { ...calls(inAarhus), reasoning_content: "I have to look." }, rain], {
    tools: [weather],
  }),
  conversation("enable_thinking", [user], { enable_thinking: true }),
  conversation("enable_thinking off", [user], { enable_thinking: false }),
  conversation("enable_thinking off, tool", [system, user], { enable_thinking: false, tools: [weather] }),
  conversation("thinking", [user], { thinking: true }),
  conversation("reasoning_effort", [user], { reasoning_effort: "high" }),
  conversation("part", [{ role: "user", content: [{ type: "text", text: "What is this?" }] }]),
  conversation("parts", [
    { role: "system", content: [{ type: "text", text: "Be short." }] },
    {
      role: "user",
      content: [
        { type: "text", text: "First." },
        { type: "text", text: " Second." },
      ],
    },
  ]),
  conversation("developer", [{ role: "developer", content: "Be kind." }, user]),
  conversation("awkward text", [
    {
      role: "user",
      content: "Grüße 👋🏽 {{ bos_token }} {% if x %} <|im_end|> \u{fdd0}mark\u{fdd0} </think> 'it\"s' \\n & <b>",
    },
    { role: "assistant", content: "日本語 {# not a comment #} [INST]" },
    { role: "user", content: "tab\tand\u00a0blank\u2028line" },
  ]),
];

/** Other forms of the same values, and values that interpreters print differently. */
export const forms: readonly Conversation[] = [
  conversation("arguments as text", [user, calls(call('{"city": "Aarhus", "unit": "celsius"}')), rain], {
    tools: [weather],
  }),
  conversation("content null", [user, { ...calls(inAarhus), content: null }, rain, answer, thanks], {
    tools: [weather],
  }),
  conversation("content absent", [user, { role: "assistant", tool_calls: [inAarhus] }, rain], { tools: [weather] }),
  conversation(
    "awkward arguments",
    [
      system,
      user,
      calls(
        call(
          jsonText(
            '{"city": "It\'s \\"Ø\\"", "none": null, "yes": true, "one": 1.0, "tiny": 1e-7, "large": 12345678901234567890, "half": 0.5, "list": [1, "a", {"b": []}], "object": {"k": {"l": false}}}',
          ),
        ),
      ),
      rain,
    ],
    { tools: [weather] },
  ),
  conversation("result as parts", [user, calls(inAarhus), result([{ type: "text", text: "rain" }])], {
    tools: [weather],
  }),
  conversation("no generation prompt", [system, user, answer], { add_generation_prompt: false }),
];
