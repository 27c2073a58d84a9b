// Tests on a whole worker with the fake backend that a history is read leniently: what the model cannot read becomes a note, and its text is kept.
// Only what the user attaches in the last turn is refused.
import { describe, expect, test } from "vitest";
import { base64, dataUrl, green, red } from "../../testing/made-up-pictures.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { start, post, answerOf, lastWork, lastConversation } = useInlineWorker({ fake: { readsPictures: true } });

async function accepted(path: string, body: Json): Promise<void> {
  const response = await post(path, body);
  expect([200, 201, 202], await response.text()).toContain(response.status);
}

type Place = "chat" | "native" | "messages" | "responses" | "ollama";
const asked = { role: "user", content: "Next. [eog:1]" };
const yes = { role: "assistant", content: "Yes." };

/** A request whose conversation begins with these messages. */
function bodyOf(place: Place, before: readonly Json[]): [path: string, body: Json] {
  const messages = [...before, asked];
  switch (place) {
    case "chat":
      return ["/v1/chat/completions", { messages, max_tokens: 2 }];
    case "native":
      return ["/v1/jobs", { messages, max_tokens: 2, on_disconnect: "continue" }];
    case "messages":
      return ["/v1/messages", { messages, max_tokens: 2 }];
    case "responses":
      return ["/v1/responses", { input: messages }];
    case "ollama":
      return ["/api/chat", { messages, stream: false, model: "waggle-fake" }];
  }
}

const user = (...content: unknown[]): Json => ({ role: "user", content });
const said = (...content: unknown[]): Json => ({ role: "assistant", content });
const text = (words: string) => ({ type: "text", text: words });
const image = { type: "image_url", image_url: { url: dataUrl(red) } };
const block = (data: string) => ({ type: "image", source: { type: "base64", media_type: "image/png", data } });
const pdf = {
  type: "document",
  title: "a",
  source: { type: "base64", media_type: "application/pdf", data: "JVBERi0x" },
};
const use = said({ type: "tool_use", id: "c", name: "f", input: {} });
const result = (content: unknown): Json => user({ type: "tool_result", tool_use_id: "c", content });
const calling = (call: Json): Json => ({ role: "assistant", content: null, tool_calls: [call] });
const call = calling({ id: "c", type: "function", function: { name: "f", arguments: "{}" } });
const tool = (content: unknown): Json => ({ role: "tool", tool_call_id: "c", content });
const called = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
const output = (content: unknown): Json => ({ type: "function_call_output", call_id: "c", output: content });
const note = "[image, left out]";
const noted = '[document "a" of type application/pdf, left out]';
const line = "-".repeat(64);
const textDocument = (data: string) => ({ type: "document", source: { type: "text", media_type: "text/plain", data } });
type Odd = [Place, Json[], string];
const inJson = (content: string): string => `"content":${JSON.stringify(content)}`;
/** A part of the user in a shape that no reference of its type has, and the content that the model gets. */
const part = (given: unknown, content: string): Odd => ["chat", [user(given), yes], inJson(content)];
const file = (data: string, content: string): Odd => part({ type: "file", file: { file_data: data } }, content);
const thought = (message: Json): Odd => ["chat", [{ ...yes, ...message }], '"reasoning_content":"Hm"'];
const weather = (odd: Json): Odd => ["chat", [calling(odd), tool("R")], '"name":"weather","arguments":{"city":"Oslo"}'];
const id = { call_id: "c" };
const came = (content: unknown, expected: string): Odd[] => [
  ["chat", [call, tool(content)], inJson(expected)],
  ["responses", [called, output(content)], inJson(expected)],
];
const item = (type: string, more: Json, expected: string): Odd => [
  "responses",
  [{ type, ...id, ...more }, yes],
  expected,
];
const odd: Odd[] = [
  part({ type: "text", text: { value: "Hello", annotations: [] } }, "Hello"),
  part({ type: "text", text: 42 }, "42"),
  part({ type: "text", content: "abc" }, "abc"),
  part({ type: "text", words: "abc" }, '[text {"words":"abc"}]'),
  part(42, "42"),
  part(false, "false"),
  part({ type: "json", content: { a: 1 } }, '{"content":{"a":1}}'),
  part({ type: "search_result", text: "Bees" }, '[search_result {"text":"Bees"}]'),
  part({ type: "image", alt: "Bees" }, '[image {"alt":"Bees"}]'),
  part({ type: "document", text: "Bees" }, "Bees"),
  part({ type: "document", content: "Bees" }, "Bees"),
  part({ type: "document", source: { text: "Bees" } }, '[document {"source":{"text":"Bees"}}]'),
  part({ type: "file", data: "QmVlcw==", mediaType: "text/plain" }, "Bees"),
  file("Hello bees", "Hello bees"),
  file("Hello", "Hello"),
  file("data:text/markdown,Hello%20bees", "Hello bees"),
  file("data:text/markdown,100%", "100%"),
  file(`data:text/csv;base64,${Buffer.from("Gelée", "latin1").toString("base64")}`, "Gelée"),
  part(
    { type: "table", id: "i", data: [{ id: 7, status: "failed" }] },
    '[table {"data":[{"id":7,"status":"failed"}]}]',
  ),
  part({ type: "order", order_id: 12, status: "failed" }, '[order {"order_id":12,"status":"failed"}]'),
  part({ id: 7, name: "x" }, '{"id":7,"name":"x"}'),
  thought({ content: [{ type: "reasoning", reasoning: "Hm" }] }),
  thought({ content: [{ type: "reasoning", summary: [{ type: "summary_text", text: "Hm" }] }] }),
  thought({ content: [{ type: "thinking", content: "Hm" }] }),
  thought({ reasoning: { text: "Hm" } }),
  thought({ reasoning_content: [text("Hm")] }),
  weather({ type: "tool_call", name: "weather", args: { city: "Oslo" } }),
  weather({ name: "weather", arguments: '{"city":"Oslo"}' }),
  weather({ name: "weather", input: { city: "Oslo" } }),
  ["chat", [{ ...yes, refusal: false, audio: "x" }], '"Yes.\\n\\n[audio, left out]"'],
  ...came({ id: 7, a: [1] }, '{"id":7,"a":[1]}'),
  ...came(42, "42"),
  ...came(false, "false"),
  item("program_output", { result: { id: 7, rows: [{ order_id: 1 }] } }, '{"id":7,"rows":[{"order_id":1}]}'),
  item("agent_message", { author: "/a", content: [text("Bees")] }, '[Message of the agent "/a"]\nBees'),
  item("multi_agent_call", { action: "wait_agent", arguments: "{}" }, '"arguments":{"action":"wait_agent",'),
  item("multi_agent_call_output", { output: [{ type: "output_text", text: "Bees" }] }, '[{"text":"Bees"}]'),
  item("message", { role: "user", content: text("Bees"), id: "m".repeat(200) }, '"Bees"'),
  item("mcp_call", { server_label: "s", name: "t", arguments: { a: 1 }, output: [text("Bees")] }, "user:\nBees"),
  item("computer_call_output", { output: "Bees" }, '"Bees"'),
  item("tool_search_output", { tools: [{ type: "shell" }, 7] }, '"tool_call_id":"c"'),
];

/** What a history has in each dialect, and a part of the conversation that the model then gets. */
const histories: Readonly<Record<Place, readonly [what: string, before: Json[], expected: string][]>> = {
  messages: [
    ["a PDF in a result", [use, result([pdf])], noted],
    ["a PDF next to a result", [use, user({ type: "tool_result", tool_use_id: "c", content: "R" }, pdf)], noted],
    ["a PDF in an earlier turn", [user(text("Q"), pdf), yes], `Q\n${noted}`],
    [
      "a text document in a result",
      [use, result([{ type: "document", source: { type: "text", data: "Bees dance." } }])],
      "Bees dance.",
    ],
    [
      "a document of blocks",
      [user({ type: "document", source: { type: "content", content: [text("Bees")] } }), yes],
      "Bees",
    ],
    ["JSON in a result", [use, result([{ type: "json", json: { a: 1 } }])], '{"a":1}'],
    [
      "a search result in a result",
      [use, result([{ type: "search_result", title: "T", source: "u", content: [text("Bees")] }])],
      "T\nu\nBees",
    ],
    ["a document's context", [user({ ...pdf, context: "Of bees." }), yes], `Of bees.\n${noted}`],
    [
      "a document's URL",
      [user({ type: "document", source: { type: "url", url: "https://u" } }), yes],
      "at https://u, left",
    ],
    ["a picture in a result", [use, result([block(base64(red))])], note],
    [
      "a picture in a failed result",
      [use, user({ type: "tool_result", tool_use_id: "c", is_error: true, content: [text("No"), block(base64(red))] })],
      `Error:\n\nNo\n${note}`,
    ],
    ["a picture in an earlier turn", [user(block(base64(red))), yes], note],
    ["a file id", [user({ type: "image", source: { type: "file", file_id: "f" } }), yes], note],
    [
      "a search by Anthropic",
      [
        said(
          { type: "server_tool_use", id: "s", name: "web_search", input: { query: "q" } },
          {
            type: "web_search_tool_result",
            tool_use_id: "s",
            content: [{ type: "web_search_result", title: "Bees", url: "u", encrypted_content: "x".repeat(300) }],
          },
          text("So."),
        ),
      ],
      '[web_search_result {"title":"Bees","url":"u"}]',
    ],
    [
      "code that Anthropic ran",
      [
        said({
          type: "code_execution_tool_result",
          tool_use_id: "s",
          content: { type: "code_execution_result", stdout: "42", return_code: 0, content: [] },
        }),
      ],
      '{"stdout":"42","return_code":0}',
    ],
    ["a failed summary by Anthropic", [said({ type: "compaction", content: null }, text("A"))], '"A"'],
    ["a file that was refused, and that the client keeps", [yes, user(pdf)], noted],
    ["a document of one word", [user(textDocument("CONFIDENTIAL")), yes], '"CONFIDENTIAL"'],
    ["a document that begins with a line", [user(textDocument(`${line}\nBees`)), yes], `"${line}\\nBees"`],
    ["an unknown block", [user({ type: "hologram", words: "Bees" }), yes], '[hologram {"words":"Bees"}]'],
    [
      "a redacted thought",
      [said({ type: "redacted_thinking", data: "x" }, text("A"))],
      "[redacted_thinking, left out]",
    ],
    ["a summary by Anthropic", [said({ type: "compaction", content: "All was well." })], "All was well."],
    ["arguments that are no object", [said({ type: "tool_use", id: "c", name: "f", input: "x" }), result("R")], '"x"'],
    ["a block without its text", [user({ type: "text" }, text("Q")), yes], "Q"],
    ["null as content", [{ role: "user", content: null }, yes], "Yes."],
    ["a result without content", [use, user({ type: "tool_result", tool_use_id: "c" })], '"c"'],
    ["a result without a call", [result("R")], "R"],
    ["a call without a result", [use], '"c"'],
  ],
  chat: [
    ["a picture in a result", [call, tool([text("R"), image])], `R\n${note}`],
    ["a picture after a result", [call, tool("R"), user(image)], note],
    ["a picture in an earlier turn", [user(text("Q"), image), yes], `Q\n${note}`],
    ["a picture of the assistant", [said(text("A"), image)], `A\n${note}`],
    ["a picture of the system", [{ role: "system", content: [text("S"), image] }], `S\n${note}`],
    [
      "sound",
      [user({ type: "input_audio", input_audio: { data: "x".repeat(300), format: "wav" } }), yes],
      '[input_audio {"input_audio":{"format":"wav"}}]',
    ],
    ["a refusal after an answer", [{ ...yes, refusal: "No." }], "Yes.\n\nNo."],
    ["calls in both forms", [{ ...call, function_call: { name: "g", arguments: "{}" } }, tool("R")], '"name":"g"'],
    ["calls in both forms", [{ ...call, function_call: { name: "g", arguments: "{}" } }, tool("R")], '"name":"f"'],
    ["the assistant's sound", [{ role: "assistant", audio: { id: "a" } }], "[audio, left out]"],
    ["the transcript of its sound", [{ role: "assistant", audio: { id: "a", transcript: "Bees" } }], "Bees"],
    [
      "a file with text",
      [user({ type: "file", file: { filename: "a.csv", file_data: "data:text/csv;base64,QmVlcw==" } }), yes],
      "a.csv\nBees",
    ],
    [
      "a thought and an output",
      [said({ type: "thinking", thinking: "Hm" }, { type: "output_text", text: "A" })],
      '"reasoning_content":"Hm"',
    ],
    [
      "a custom call",
      [calling({ id: "c", type: "custom", custom: { name: "f", input: "x" } }), tool("R")],
      '{"input":"x"}',
    ],
    ["arguments that are no JSON", [calling({ id: "c", function: { name: "f", arguments: "{a" } }), tool("R")], '"{a"'],
    [
      "arguments as an object",
      [calling({ id: "c", function: { name: "f", arguments: { a: 1 } } }), tool("R")],
      '{"a":1}',
    ],
    [
      "a call and a result without ids",
      [calling({ function: { name: "f", arguments: "" } }), { role: "tool", content: "R" }],
      '"R"',
    ],
    [
      "ids that are long, and numbers",
      [calling({ id: 7, function: { name: "f", arguments: "{}" } }), { ...tool("R"), tool_call_id: "x".repeat(999) }],
      '"id":"7"',
    ],
    ["a result without a call", [tool("R")], '"R"'],
    ["results before their calls", [tool("R"), call, user(text("Q")), tool("S")], '"S"'],
    ["null and nothing as content", [{ role: "user", content: null }, { role: "user" }, tool(null), yes], "Yes."],
    ["no parts, and parts that are null or a text", [user(), user(null, "Bees"), yes], "Bees"],
    ["a result of a function in parts", [{ role: "function", name: "f", content: [text("R"), image] }], `R\n${note}`],
  ],
  native: [
    ["a picture in an earlier turn", [user(image), yes], note],
    ["a picture in a result", [call, tool([image])], note],
  ],
  responses: [
    ["a picture in a result", [called, output([{ type: "input_image", image_url: dataUrl(red) }])], note],
    [
      "a file in a result",
      [called, output([{ type: "input_file", filename: "a", file_data: "data:application/pdf;base64,JVBERi0x" }])],
      noted,
    ],
    ["a picture in an earlier turn", [user({ type: "input_image", image_url: dataUrl(red) }), yes], note],
    ["a picture of the assistant", [said({ type: "input_image", file_id: "x" })], note],
    [
      "a screenshot",
      [
        { type: "computer_call", call_id: "c", action: { type: "screenshot" } },
        {
          type: "computer_call_output",
          call_id: "c",
          output: { type: "computer_screenshot", image_url: dataUrl(red) },
        },
      ],
      note,
    ],
    ["a picture that OpenAI made", [{ type: "image_generation_call", id: "i", result: base64(red) }], note],
    [
      "the logs of code",
      [{ type: "code_interpreter_call", id: "i", code: "1+1", outputs: [{ type: "logs", logs: "2" }] }],
      '{"code":"1+1"}',
    ],
    [
      "a shell's output",
      [
        { type: "shell_call", call_id: "c", action: { commands: ["ls"] } },
        { type: "shell_call_output", call_id: "c", output: [{ stdout: "a.txt", stderr: "" }] },
      ],
      '[{"stdout":"a.txt"}]',
    ],
    [
      "a shell's output without blanks, and its timeout",
      [
        {
          type: "shell_call_output",
          call_id: "c",
          output: [{ stdout: "0a".repeat(200), outcome: { type: "timeout" } }],
        },
      ],
      `[{"stdout":"${"0a".repeat(200)}","outcome":{"type":"timeout"}}]`,
    ],
    [
      "a call with a type and an id",
      [{ type: "apply_patch_call", call_id: "c", operation: { type: "delete_file", user_id: "u" } }],
      '{"operation":{"type":"delete_file","user_id":"u"}}',
    ],
    ["a drawing's prompt", [{ type: "image_generation_call", id: "i", revised_prompt: "Bees" }], '"Bees"'],
    [
      "a picture among logs",
      [{ type: "code_interpreter_call", id: "i", outputs: [{ type: "image", url: dataUrl(red) }] }],
      '[{"url":"[data, left out]"}]',
    ],
    [
      "tools that could not be listed",
      [{ type: "mcp_list_tools", id: "i", server_label: "s", error: "E" }],
      "tools: E",
    ],
    [
      "a failed call with output",
      [{ type: "mcp_call", id: "i", server_label: "s", name: "t", arguments: "{}", output: "Bees", error: "E" }],
      "E\n\nBees",
    ],
    [
      "an encrypted thought",
      [{ type: "reasoning", summary: [], encrypted_content: "gAAA" }],
      "[encrypted reasoning, left out]",
    ],
    [
      "a consent",
      [{ type: "mcp_approval_response", approval_request_id: "i", approve: true }, yes],
      "[The user allows the call]",
    ],
  ],
  ollama: [
    ["a picture in an earlier turn", [{ role: "user", content: "Q", images: [base64(red)] }, yes], `Q`],
    [
      "a picture of a tool and of the assistant",
      [
        { role: "tool", content: "R", images: [base64(red)] },
        { ...yes, images: [base64(red)] },
      ],
      `${note}\nR`,
    ],
    ["arguments as a text", [{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "x" } }] }], '"x"'],
  ],
};

test.each<[string, Place, Json[], string]>([
  ...Object.entries(histories).flatMap(([place, rows]) =>
    rows.map(([what, ...row]): [string, ...Odd] => [what, place as Place, ...row]),
  ),
  ...odd.map((row): [string, ...Odd] => [JSON.stringify(row[1]), ...row]),
])("%s (%s)", async (_, place, before, expected) => {
  start({ fake: { readsPictures: false } });
  await accepted(...bodyOf(place, before));
  const prompt = JSON.stringify(lastConversation().messages);
  const escaped = JSON.stringify(expected).slice(1, -1);
  expect([prompt.includes(expected) || prompt.includes(escaped), prompt]).toEqual([true, prompt]);
});

const large = base64(Buffer.concat([red, Buffer.alloc(5_000)]));
describe("a picture that a model with a projector cannot read is left out of a history, and later ones are read:", () => {
  test.each([
    ["another format", base64(Buffer.from("<svg></svg>".repeat(20)))],
    ["too large", large],
    ["no base64", `${base64(green)}*`],
    ["a URL", "https://a.example/x.png"],
    ["an unknown hash", `sha256:${"0".repeat(64)}`],
    ["one too many", base64(green)],
  ])("%s", async (_, data) => {
    start({ pictures: { maxPictures: 1, maxPictureBytes: 4_000 } });
    const before = [user(block(data)), said(text("Yes.")), user(block(base64(red)), text("[eog:1]"))];
    await answerOf("/v1/messages", { messages: before, max_tokens: 2 });
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([red]);
    expect(lastConversation().messages[0]?.content).toBe(note);
  });
});

test("the engine may leave out a picture of the history, not one of the last turn", async () => {
  start();
  const messages = [user(block(base64(red))), yes, user(block(base64(green)), text("[eog:1]"))];
  await answerOf("/v1/messages", { messages, max_tokens: 2 });
  const [first, , last] = lastConversation().messages;
  expect([first?.content, last?.content]).toMatchObject([
    [{ picture: 0, note }],
    [{ type: "image", picture: 1 }, text("[eog:1]")],
  ]);
  expect(last?.content[0]).not.toHaveProperty("note");
});

test.each<[string, Json[], Uint8Array[] | undefined]>([
  [
    "a picture in a document",
    [user({ type: "document", source: { type: "content", content: [block(base64(red)), text("[eog:1]")] } })],
    [red],
  ],
  [
    "a word before its type",
    [user({ type: "document", source: { data: "CONFIDENTIAL", type: "text" } }, text("[eog:1]"))],
    undefined,
  ],
])("attached in the last turn, and accepted: %s", async (_, messages, pictures) => {
  start();
  await accepted("/v1/messages", { max_tokens: 2, messages });
  expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual(pictures);
});

test.each<[string, Json, RegExp]>([
  [
    "/v1/messages",
    { max_tokens: 2, messages: [user(text("Q")), yes, user(pdf)] },
    /"messages\.2\.content\.0\.source".*send its text/,
  ],
  ["/v1/messages/count_tokens", { messages: [user(pdf)] }, /"messages\.0\.content\.0\.source".*send its text/],
  ["/v1/responses", { input: [yes, user({ type: "input_file", file_id: "f" })] }, /"input\.1\.content\.0\.file_id"/],
  ["/v1/responses/input_tokens", { input: [user({ type: "input_image", image_url: dataUrl(red) })] }, /no projector/],
  [
    "/v1/responses",
    { input: [{ type: "mcp_approval_response", approval_request_id: "i", approve: true }] },
    /"input\.0".*consent/,
  ],
  [
    "/v1/responses",
    { input: [{ type: "compaction", encrypted_content: "x" }, yes, asked] },
    /"input\.0\.type".*send the messages/,
  ],
  [
    "/v1/chat/completions",
    { messages: [yes, user(text("Q"), { type: "hologram" })] },
    /"messages\.1\.content\.1\.type".*hologram/,
  ],
  ["/v1/chat/completions", { messages: [yes, { role: "user" }] }, /"messages\.1\.content".*is missing/],
  ["/v1/chat/completions", { messages: [user(image), yes, user(image)] }, /no projector/],
  ["/v1/chat/completions", { messages: [{ content: "Q" }] }, /"messages\.0\.role"/],
  [
    "/v1/chat/completions",
    { messages: [calling({ id: "c", type: "tool_call", args: {} })] },
    /"messages\.0\.tool_calls\.0\.function\.name".*missing/,
  ],
  [
    "/v1/messages",
    { max_tokens: 2, messages: [said({ type: "compaction", encrypted_content: "x" })] },
    /send the messages/,
  ],
  [
    "/apply-template",
    { messages: [user(text("Q"), { type: "file", file: { file_id: "f" } })] },
    /"messages\.0\.content\.1\.file"/,
  ],
])(
  "what the user attaches in the last turn, or has no role, is refused by name: %s %j",
  async (path, body, message) => {
    start({ fake: { readsPictures: false } });
    const response = await post(path, body);
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringMatching(new RegExp(message.source.replaceAll('"', '\\\\?"'))),
    ]);
  },
);

describe("tools in an input item count as the request's tools", () => {
  const f = { type: "function", name: "f", parameters: { type: "object" } };
  const namespace = { type: "namespace", name: "n", description: "", tools: [f] };
  test.each<[string, Json[], Json, string[]]>([
    ["plain", [{ type: "additional_tools", role: "developer", tools: [f] }], {}, ["f"]],
    ["in a namespace", [{ type: "additional_tools", tools: [namespace] }], {}, ["n__f"]],
    ["found by a search", [{ type: "tool_search_output", call_id: "c", tools: [namespace] }], {}, ["n__f"]],
    [
      "found by two searches in one namespace, next to a function of its name",
      ["g", "h"].map((name) => ({
        type: "tool_search_output",
        call_id: "c",
        tools: [{ ...namespace, tools: [{ ...f, name }] }],
      })),
      { tools: [{ ...f, name: "n" }, namespace] },
      ["n", "n__f", "n__g", "n__h"],
    ],
    ["again in a later item", [f, f].map((one) => ({ type: "additional_tools", tools: [one] })), { tools: [f] }, ["f"]],
    [
      "named by the choice",
      [{ type: "additional_tools", tools: [f] }],
      { tool_choice: { type: "function", name: "f" } },
      ["f"],
    ],
    ["required", [{ type: "additional_tools", tools: [f] }], { tool_choice: "required" }, ["f"]],
  ])("%s", async (_, items, more, names) => {
    start();
    await answerOf("/v1/responses", { input: [...items, asked], max_output_tokens: 16, ...more });
    expect(lastConversation().tools?.map((one) => one.function.name)).toEqual(names);
    expect(lastWork().answerGrammar).toContain(names[0]);
    const count = async (body: Json) => (await answerOf("/v1/responses/input_tokens", body))["input_tokens"] as number;
    expect(await count({ input: [...items, asked], ...more })).toBeGreaterThan(await count({ input: [asked] }));
  });
});

describe("without tools", () => {
  test.each<[Place, Json]>([
    ["chat", { tools: [], tool_choice: "auto" }],
    ["chat", { tool_choice: "auto" }],
    ["chat", { functions: [], function_call: "auto" }],
    ["chat", { function_call: "auto" }],
    ["native", { tools: [], tool_choice: "auto" }],
    ["responses", { tools: [], tool_choice: "auto" }],
    ["messages", { tools: [], tool_choice: { type: "auto" } }],
  ])("the choice auto is accepted: %s %j", async (place, more) => {
    start();
    const [path, body] = bodyOf(place, []);
    await accepted(path, { ...body, ...more });
  });

  test.each<[Place, Json]>([
    ["chat", { tools: [], tool_choice: "required" }],
    ["chat", { functions: [], function_call: { name: "f" } }],
    ["native", { tool_choice: "required" }],
    ["responses", { tools: [], tool_choice: { type: "function", name: "f" } }],
    ["messages", { tools: [], tool_choice: { type: "any" } }],
  ])("a required call is refused: %s %j", async (place, more) => {
    start();
    const [path, body] = bodyOf(place, []);
    const response = await post(path, { ...body, ...more });
    expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(/tool_choice|function_call/)]);
  });
});
