import { describe, expect, test } from "vitest";
import { literal, sequence } from "../syntax.ts";
import { type ChatConversation, type ChatMessage, TemplateInputError } from "./conversation.ts";
import { type TemplateInputs, usualInputs } from "./template-inputs.ts";
import { renderConversation } from "./render-conversation.ts";
import { templateValues } from "./template-values.ts";

const user: ChatMessage = { role: "user", content: "Weather?" };
const system: ChatMessage = { role: "system", content: "Be short." };
const answer: ChatMessage = { role: "assistant", content: "Rain." };
const weather = { type: "function", function: { name: "weather", description: "Tells it.", parameters: {} } } as const;
const bare = { type: "function", function: { name: "now" } } as const;

function calling(given: unknown = { city: "Oslo" }, id = "call_1", content = ""): ChatMessage {
  return {
    role: "assistant",
    content,
    tool_calls: [{ id, type: "function", function: { name: "weather", arguments: given } }],
  };
}

function result(id = "call_1"): ChatMessage {
  return { role: "tool", content: "7 degrees", tool_call_id: id };
}

function values(inputs: Partial<TemplateInputs>, conversation: ChatConversation): Record<string, unknown> {
  return templateValues({ ...usualInputs, ...inputs }, conversation);
}

function messages(inputs: Partial<TemplateInputs>, ...all: readonly ChatMessage[]): readonly Record<string, unknown>[] {
  return values(inputs, { messages: all })["messages"] as readonly Record<string, unknown>[];
}

test("values that a template takes stay the same, and results get the name of their call", () => {
  expect(values({}, { messages: [system, user, calling(), result()], tools: [weather] })).toEqual({
    messages: [
      system,
      user,
      calling(),
      { role: "tool", tool_call_id: "call_1", name: "weather", content: "7 degrees" },
    ],
    tools: [weather],
    add_generation_prompt: true,
  });
});

test("a request's variables do not replace the conversation", () => {
  const template = { variables: { enable_thinking: false, messages: [], add_generation_prompt: false } };
  const given = values({}, { messages: [user], template });
  expect(given).toEqual({ enable_thinking: false, messages: [user], add_generation_prompt: true });
});

test("a continued message is rendered without a generation prompt", () => {
  const given = values({}, { messages: [user, answer], template: { continueFinalMessage: true } });
  expect(given["add_generation_prompt"]).toBe(false);
});

describe("content", () => {
  const list = [
    { type: "text", text: "One." },
    { type: "text", text: "Two." },
  ] as const;

  test.each<[Partial<TemplateInputs>, unknown]>([
    [{}, "One.\nTwo."],
    [{ lists: ["user"] }, list],
    [{ lists: ["system"] }, "One.\nTwo."],
    [{ listsOnly: true, lists: ["user"] }, list],
    [{ listsOnly: true }, [{ type: "text", text: "One.\nTwo." }]],
  ])("of several texts becomes one text or stays a list, with the inputs %j", (inputs, expected) => {
    expect(messages(inputs, { role: "user", content: list })[0]?.["content"]).toEqual(expected);
  });

  test.each<[TemplateInputs["emptyContent"], unknown]>([
    ["", { content: "" }],
    ["null", { content: null }],
    ["absent", {}],
  ])("that is empty with calls is written as %j", (emptyContent, expected) => {
    const [, message] = messages({ emptyContent }, user, calling());
    expect(message).toEqual({ role: "assistant", ...(expected as object), tool_calls: calling().tool_calls });
  });

  test("with calls stays, becomes a separate message, or is inserted into the rendering", async () => {
    const both = calling({}, "call_1", "Let me look.");
    expect(messages({}, user, both)).toHaveLength(2);
    expect(messages({ contentWithCalls: "before" }, user, both).slice(1)).toEqual([
      { role: "assistant", content: "Let me look." },
      calling({}),
    ]);
    const inputs = { ...usualInputs, contentWithCalls: "inserted", callsOpen: "<call>" } as const;
    const again = { ...both, content: "Once more." };
    const conversation = { messages: [user, both, result(), again, result(), calling({})] };
    expect(await renderConversation(inputs, conversation, callsAlone)).toBe(
      "Let me look.<call>weather|weather|Once more.<call>weather|weather|<call>weather|",
    );
    const none = renderConversation(inputs, conversation, async () => "");
    await expect(none).rejects.toThrow(new TemplateInputError("the model's chat template does not show every call"));
  });

  /** Renders the name of each call, and for each result the name of its call. */
  async function callsAlone(given: Readonly<Record<string, unknown>>): Promise<string> {
    const all = given["messages"] as readonly {
      tool_calls?: readonly { function: { name: string } }[];
      name?: string;
    }[];
    const texts = all.map(({ tool_calls: [call] = [], name }) =>
      call ? `<call>${call.function.name}|` : (name ?? ""),
    );
    return texts.map((text, index) => (all[index]?.name === undefined ? text : `${text}|`)).join("");
  }

  test("of empty answers is left out if the template does not take empty answers", () => {
    const silent: ChatMessage = { role: "assistant", content: "" };
    expect(messages({}, user, silent, user)).toHaveLength(3);
    expect(messages({ emptyAnswers: false, alternating: true }, user, silent, user)).toHaveLength(1);
    expect(messages({ emptyAnswers: false }, user, { ...silent, reasoning_content: "Hm." }, user)).toHaveLength(3);
  });
});

describe("thoughts", () => {
  const thinking: ChatMessage = { ...answer, reasoning_content: "Hm." };

  test.each<[TemplateInputs["thoughtKey"] & string, unknown]>([
    ["reasoning_content", { content: "Rain.", reasoning_content: "Hm." }],
    ["thinking", { content: "Rain.", thinking: "Hm." }],
    ["reasoning", { content: "Rain.", reasoning: "Hm." }],
    [
      "parts",
      {
        content: [
          { type: "thinking", thinking: "Hm." },
          { type: "text", text: "Rain." },
        ],
      },
    ],
  ])("are in the field that the template reads: %s", (thoughtKey, expected) => {
    expect(messages({ thoughtKey }, user, thinking)[1]).toEqual({ role: "assistant", ...(expected as object) });
  });

  test("are left out if the template does not read them", () => {
    expect(messages({}, user, thinking)[1]).toEqual(answer);
  });

  test("include the text of a message with a call if the template takes either a thought or a text", () => {
    const all = { ...calling({}, "call_1", "Let me look."), reasoning_content: "Hm." };
    const [, message] = messages({ thoughtKey: "thinking", thoughtWithBoth: false }, user, all);
    expect(message).toMatchObject({ content: "", thinking: "Hm.\n\nLet me look." });
  });
});

describe("arguments", () => {
  function passed(inputs: Partial<TemplateInputs>, given: unknown): unknown {
    const [, message] = messages(inputs, user, calling(given));
    const [call] = (message?.["tool_calls"] ?? []) as { function: { arguments: unknown } }[];
    return call?.function.arguments;
  }

  test("are an object, or JSON text with Python's spaces", () => {
    expect(passed({}, { a: 1, b: ["x\ny", {}] })).toEqual({ a: 1, b: ["x\ny", {}] });
    expect(passed({ objectArguments: false }, { a: 1, b: ["x\ny", {}] })).toBe(String.raw`{"a": 1, "b": ["x\ny", {}]}`);
    expect(passed({ objectArguments: false }, '{"a":1}')).toBe('{"a":1}');
  });

  test("in JSON text are parsed by the renderer, which keeps numbers exact", () => {
    expect(passed({}, '{"a": 12345678901234567890}')).toEqual(new Map([["json", '{"a": 12345678901234567890}']]));
  });

  test("that are not an object become text, or the only member of an object", () => {
    expect(passed({}, '{"a": "cut o')).toBe('{"a": "cut o');
    expect(passed({ textArguments: false }, '{"a": "cut o')).toEqual({ arguments: '{"a": "cut o' });
    expect(passed({ textArguments: false }, [1])).toEqual({ arguments: "[1]" });
    expect(passed({ textArguments: false }, "")).toEqual({});
  });
});

test("two calls in a message become two messages with their results if the template shows only one call", () => {
  const [call] = calling().tool_calls ?? [];
  if (call === undefined) throw new Error("No call");
  const two = { ...calling({}, "call_1", "Look."), tool_calls: [call, { ...call, id: "call_2" }] };
  expect(messages({}, user, two)[1]?.["tool_calls"]).toHaveLength(2);
  const all = messages({ parallelCalls: false }, user, two, result("call_2"), result("call_1"), result("lost"), answer);
  expect(all.map((message) => [message["content"], idOfFirst(message) ?? message["tool_call_id"]])).toEqual([
    [user.content, undefined],
    ["Look.", "call_1"],
    ["7 degrees", "call_1"],
    ["", "call_2"],
    ["7 degrees", "call_2"],
    ["7 degrees", "lost"],
    [answer.content, undefined],
  ]);
});

function idOfFirst({ tool_calls: calls = [] }: Record<string, unknown>): string | undefined {
  return (calls as readonly { id: string }[])[0]?.id;
}

describe("ids", () => {
  const all = [user, calling({}, "call_1"), result("call_1"), calling({}, "call00000"), result("call00000")];

  function ids(inputs: Partial<TemplateInputs>, given: readonly ChatMessage[] = all): unknown[] {
    return messages(inputs, ...given).flatMap((message) => {
      const [call] = (message["tool_calls"] as { id: string }[] | undefined) ?? [];
      return call?.id ?? message["tool_call_id"] ?? [];
    });
  }

  test("stay unchanged", () => {
    expect(ids({})).toEqual(["call_1", "call_1", "call00000", "call00000"]);
  });

  test("become nine letters and digits, the same for a result as for its call, and each only once", () => {
    expect(ids({ ids: "short" })).toEqual(["call00001", "call00001", "call00000", "call00000"]);
    expect(ids({ ids: "short" }, all.slice(0, 3))).toEqual(["call00000", "call00000"]);
  });

  test("have the call's name and number", () => {
    expect(ids({ ids: "named" })).toEqual([
      ...["functions.weather:0", "functions.weather:0"],
      ...["functions.weather:1", "functions.weather:1"],
    ]);
  });

  test("of results without a call stay unchanged", () => {
    expect(ids({ ids: "short" }, [user, result("lost")])).toEqual(["lost"]);
  });
});

describe("turns", () => {
  test("the system message begins the first user message if there is no system role", () => {
    expect(messages({ system: false }, system, user)).toEqual([{ role: "user", content: "Be short.\n\nWeather?" }]);
    expect(messages({ system: false }, system, answer)).toEqual([{ role: "user", content: "Be short." }, answer]);
  });

  test("several system messages at the beginning become one message, and a later system message is rejected", () => {
    const inputs = { laterSystem: false };
    expect(messages({}, system, system, user)).toHaveLength(3);
    expect(messages(inputs, system, system, user)).toEqual([
      { role: "system", content: "Be short.\n\nBe short." },
      user,
    ]);
    expect(() => messages(inputs, user, system)).toThrow(
      new TemplateInputError("the model's chat template cannot show a system message after the first turn"),
    );
  });

  test("of a user right after a tool's result become part of the result if the template requires an answer between the two", () => {
    const after: ChatMessage = { role: "user", content: "Be quick." };
    const inputs = { userAfterResult: false };
    const said = messages(inputs, user, calling(), result(), after, answer, user);
    expect(said.map(({ content }) => content)).toEqual([
      user.content,
      "",
      "7 degrees\n\nBe quick.",
      answer.content,
      user.content,
    ]);
    expect(messages({}, user, calling(), result(), after)).toHaveLength(4);
    expect(messages(inputs, user, calling(), after)[2]).toMatchObject({ role: "tool", tool_call_id: "call_1" });
  });

  test("of one role in a row become one turn if roles must alternate", () => {
    const inputs = { alternating: true };
    expect(messages(inputs, user, user, answer)).toEqual([{ role: "user", content: "Weather?\n\nWeather?" }, answer]);
    expect(messages(inputs, user, answer, calling())).toHaveLength(3);
    expect(messages(inputs, user, calling(), result("a"), result("b"))).toHaveLength(4);
  });
});

describe("tools", () => {
  test.each<[TemplateInputs["missing"], unknown]>([
    ["nothing", { name: "now" }],
    ["empty", { name: "now", description: "", parameters: {} }],
    ["object", { name: "now", description: "", parameters: { type: "object", properties: {} } }],
  ])("without description and parameters get %s instead", (missing, expected) => {
    expect(values({ missing }, { messages: [user], tools: [bare] })["tools"]).toEqual([
      { type: "function", function: expected },
    ]);
  });

  test("get descriptions of their parameters if the template requires them", () => {
    const parameters = { type: "object", properties: { a: { type: "string" }, b: { description: "B." } } };
    const tool = { type: "function", function: { name: "now", description: "", parameters } } as const;
    expect(values({ parameterDescriptions: true }, { messages: [user], tools: [tool] })["tools"]).toMatchObject([
      {
        function: { parameters: { properties: { a: { description: "", type: "string" }, b: { description: "B." } } } },
      },
    ]);
  });

  const callSyntax = sequence(
    literal("<call>"),
    { kind: "name", until: ["{"] },
    { kind: "arguments", syntax: { kind: "json" } },
    literal("</call>"),
  );

  test("are explained in words, with an example in this format's syntax", () => {
    const inputs = { tools: false, callSyntax };
    const given = values(inputs, { messages: [system, user], tools: [weather] });
    expect(given["tools"]).toBeUndefined();
    const [first, second] = given["messages"] as readonly { content: string }[];
    expect(first?.content).toMatch(/^Be short\.\n\n/);
    expect(first?.content).toContain(JSON.stringify(weather.function));
    expect(first?.content).toContain('<call>function_name{"argument": "value"}</call>');
    expect(second).toEqual(user);
    expect(messages(inputs, system, user)).toEqual([system, user]);
  });

  test("are explained in the first user message if there is no system message", () => {
    const given = values({ tools: false, system: false, callSyntax }, { messages: [user], tools: [weather] });
    const all = given["messages"] as readonly { role: string; content: string }[];
    expect(all).toHaveLength(1);
    expect(all[0]?.content).toMatch(/<call>function_name.*Weather\?$/s);
  });

  test("calls and results are native if the template shows them, otherwise in words", () => {
    const history = [user, calling({ city: "Oslo" }, "call_1", "Well."), result()];
    expect(messages({ tools: false, callSyntax }, ...history)).toHaveLength(3);
    const [, told, shown] = messages({ calls: false, callSyntax }, ...history);
    expect(told).toEqual({ role: "assistant", content: 'Well.\n<call>weather{"city": "Oslo"}</call>' });
    expect(shown).toMatchObject({ role: "tool" });
    const [, , inTurn] = messages({ calls: false, results: false, callSyntax }, ...history);
    expect(inTurn).toEqual({ role: "user", content: "Result of weather:\n7 degrees" });
  });
});
