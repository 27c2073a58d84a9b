// Tests a whole tool round trip in the formats of eleven model families, with common clients, real workers and scripted models.
import type { Message } from "@waggle/protocol";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDaemons } from "../support/daemon.ts";
import { spawnScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";
import { roundTripClients, type RoundTripClient } from "./tool-round-trip.ts";

const question = "What will the weather be in Zürich?";
const weather = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
    required: ["city", "days"],
    additionalProperties: false,
  },
};
const args = { city: 'Zürich "HB"', days: 3 };
const json = JSON.stringify(args);
const result = "Rain, 11 degrees.";
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";

interface Family {
  readonly template: string;
  /** As /v1/info reports it. */
  readonly thinking: "always" | "switchable" | "never";
  /** The model's text when it calls the tool with `args`. After the tool's result, the model writes `answer`. */
  readonly call: string;
  readonly answer: string;
}

/** The texts have the format of each family's template. */
const families: readonly Family[] = [
  {
    template: "Qwen-Qwen3-0.6B",
    thinking: "switchable",
    call: `<think>\n${thought}\n</think>\n\n<tool_call>\n{"name": "get_weather", "arguments": ${json}}\n</tool_call>`,
    answer: `<think>\n${thought}\n</think>\n\n${answer}`,
  },
  {
    template: "meta-llama-Llama-3.1-8B-Instruct",
    thinking: "never",
    call: `{"name": "get_weather", "parameters": ${json}}`,
    answer,
  },
  {
    template: "openai-gpt-oss-120b",
    thinking: "always",
    call: `<|channel|>analysis<|message|>${thought}<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${json}<|call|>`,
    answer: `<|channel|>analysis<|message|>${thought}<|end|><|start|>assistant<|channel|>final<|message|>${answer}`,
  },
  {
    template: "google-gemma-4-31B-it",
    thinking: "switchable",
    call: `<|channel>thought\n${thought}<channel|><|tool_call>call:get_weather{city:<|"|>${args.city}<|"|>,days:3}<tool_call|>`,
    answer: `<|channel>thought\n${thought}<channel|>${answer}`,
  },
  {
    template: "mistralai-Ministral-3-14B-Reasoning-2512",
    thinking: "always",
    call: `[THINK]${thought}[/THINK][TOOL_CALLS]get_weather[ARGS]${json}`,
    answer: `[THINK]${thought}[/THINK]${answer}`,
  },
  {
    template: "deepseek-ai-DeepSeek-V3.2",
    thinking: "switchable",
    call: `<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">${args.city}</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>`,
    answer,
  },
  {
    template: "LFM2.5-8B-A1B",
    thinking: "always",
    call: `<think>${thought}</think><|tool_call_start|>[get_weather(city=${JSON.stringify(args.city)}, days=3)]<|tool_call_end|>`,
    answer: `<think>${thought}</think>${answer}`,
  },
  {
    template: "Qwen3-Coder",
    thinking: "never",
    call: `<tool_call>\n<function=get_weather>\n<parameter=city>\n${args.city}\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>`,
    answer,
  },
  {
    template: "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    thinking: "switchable",
    call: `<|START_THINKING|>${thought}<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "get_weather", "parameters": ${json}}\n]<|END_ACTION|>`,
    answer: `<|START_THINKING|>${thought}<|END_THINKING|><|START_RESPONSE|>${answer}<|END_RESPONSE|>`,
  },
  {
    template: "MiniMax-M2",
    thinking: "always",
    call: `${thought}\n</think>\n\n<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">${args.city}</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>`,
    answer: `${thought}\n</think>\n\n${answer}`,
  },
  {
    template: "Mistral-Small-3.2-24B-Instruct-2506",
    thinking: "never",
    call: `[TOOL_CALLS]get_weather[CALL_ID]a1b2c3d4e[ARGS]${json}`,
    answer,
  },
];

/** Two of the three clients, so that each client is tested with at least seven families. */
function clientsOf(index: number): (readonly [string, RoundTripClient])[] {
  return [...roundTripClients].filter((_, client) => client !== index % roundTripClients.size);
}

/** Workers by the index of their family. The workers of the next two families start while a family is tested. */
const started = new Map<number, Promise<ScriptedWorker>>();
function start(index: number): Promise<ScriptedWorker> | undefined {
  const family = families[index];
  if (family === undefined) return undefined;
  const template = llamaTemplates().get(family.template) as string;
  const worker = started.get(index) ?? spawnScriptedWorker({ template, context: 8_192 }, ["--slots", "1"]);
  started.set(index, worker);
  return worker;
}
afterAll(killDaemons);

describe.each(families.map((family, index) => ({ ...family, index })))("in the format of $template", (family) => {
  let worker: ScriptedWorker;
  beforeAll(async () => {
    worker = (await start(family.index)) as ScriptedWorker;
    for (const ahead of [1, 2]) void start(family.index + ahead)?.catch(() => {});
  });
  afterAll(() => worker.signal("SIGTERM"));

  it("the worker reports its abilities, and the model writes the tokens of its script, then the end token", async () => {
    expect((await worker.client.info()).chat).toMatchObject({ tools: true, thinking: family.thinking });
    const body = { messages: [{ role: "user" as const, content: question }] };
    const script = worker.model.tokenize(family.answer);
    await worker.prepare({ body, say: family.answer });
    const ids: number[] = [];
    let count = 0;
    // The model follows its script even at this high temperature.
    for await (const event of worker.client.inference({ ...body, temperature: 2, seed: 3 })) {
      if (event.type === "token") ids.push(...(event.ids ?? []));
      if (event.type === "end") count = event.usage.completion_tokens;
    }
    expect(ids).toEqual(script);
    expect(count).toBe(script.length + 1);
    const response = await worker.post("/tokenize", {
      content: family.answer,
      add_special: false,
      parse_special: true,
    });
    expect(await response.json()).toEqual({ tokens: script });
  });

  it("the prompt contains the texts and results of two earlier calls", async () => {
    const texts = ["Let me look that up.", "And once more."];
    const messages: Message[] = [{ role: "user", content: question }];
    for (const [index, content] of texts.entries()) {
      const id = `call_${index}`;
      const call = { id, type: "function", function: { name: weather.name, arguments: json } } as const;
      messages.push({ role: "assistant", content, tool_calls: [call] });
      messages.push({ role: "tool", tool_call_id: id, content: `${result} ${index}` });
    }
    const body = { messages, tools: [{ type: "function" as const, function: weather }] };
    const prompt = await worker.post("/apply-template", body);
    expect(prompt.status, await prompt.clone().text()).toBe(200);
    const text = ((await prompt.json()) as { prompt: string }).prompt;
    const words = [texts[0], `${result} 0`, texts[1], `${result} 1`].map((word) => text.indexOf(word ?? ""));
    expect(words).toEqual(words.toSorted((one, other) => one - other));
    expect(words[0]).toBeGreaterThan(text.indexOf(question));
    await worker.prepare({ body, say: family.answer });
    expect(await (await worker.post("/v1/chat/completions", body)).json()).toMatchObject({
      choices: [{ message: { content: answer } }],
    });
  });

  it.each(clientsOf(family.index))("%s makes a whole tool round trip", async (_name, roundTrip) => {
    const bodies: Readonly<Record<string, unknown>>[] = [];
    const trip = await roundTrip({
      ...{ url: worker.url, question, tool: weather, result },
      fetch: worker.fetchSaying([family.call, family.answer], (body) => bodies.push(body)),
    });
    const thinks = family.call.includes(thought);
    expect({ ...trip, thoughts: trip.thoughts?.map((text) => text.trim()) }).toEqual({
      ...{ texts: ["", answer], calls: [{ name: weather.name, args }], argumentPieces: trip.argumentPieces },
      thoughts: trip.thoughts && [thought, thought].map((text) => (thinks ? text : "")),
    });
    expect(trip.argumentPieces).toBeGreaterThan(3);

    expect(bodies).toHaveLength(2);
    const [first, second] = await Promise.all(
      bodies.map(async (body) => {
        const response = await worker.post("/apply-template", body);
        return ((await response.json()) as { prompt: string }).prompt;
      }),
    );
    // From the question on, the second prompt contains the name, the arguments and the result of the call.
    const added = second?.slice(first?.indexOf(question)) ?? "";
    for (const texts of [question, weather.name, "Zürich", "HB", "3", result]) expect(added).toContain(texts);
  });
});
