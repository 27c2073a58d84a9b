// Tests Anthropic's client, and other clients of Anthropic's API, with a real worker and a scripted model.
import { createAnthropic } from "@ai-sdk/anthropic";
import type { AnthropicProviderOptions } from "@ai-sdk/anthropic";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import type { AIMessageChunk, BaseMessage } from "@langchain/core/messages";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

const question = "How will the weather be in Bern and Zürich?";
const schema = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "The weather in a city.", input_schema: schema };
const cities = [{ city: "Bern" }, { city: "Zürich" }];
const thought = "I should look, 🐝.";
const answer = "It will rain in both.";
const calls = cities.map(
  (city) => `<tool_call>\n{"name": "get_weather", "arguments": ${JSON.stringify(city)}}\n</tool_call>`,
);
const thinking = (reply: string): string => `<think>\n${thought}\n</think>\n\n${reply}`;
const calling = `I look.\n${calls.join("\n")}`;

let worker: ScriptedWorker;
beforeAll(async () => void (worker = await usualScriptedWorker()));

/** A client whose nth request gets the nth text as its answer. */
function clientSaying(...says: readonly string[]): Anthropic {
  const fetch = worker.fetchSaying(says);
  return new Anthropic({ baseURL: worker.url, apiKey: "none", maxRetries: 0, fetch });
}

const request = (content: string, more: object = {}) => ({
  ...{ model: "claude-of-ours", max_tokens: 500, messages: [{ role: "user" as const, content }] },
  ...more,
});

describe("Anthropic's client", () => {
  test("counts a message's tokens, creates the message, and gets the number of cached tokens", async () => {
    const client = clientSaying(answer, answer);
    const { messages, model } = request(question);
    const system = [{ type: "text" as const, text: "You are brief." }];
    const { input_tokens: count } = await client.messages.countTokens({ model, messages, system, tools: [weather] });
    const body = { ...request(question), system, tools: [weather] };
    const first = await client.messages.create(body);
    expect(first).toMatchObject({
      ...{ type: "message", role: "assistant", stop_reason: "end_turn", stop_sequence: null },
      content: [{ type: "text", text: answer, citations: [] }],
    });
    const second = await client.messages.create(body);
    for (const { usage } of [first, second]) {
      expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(count);
      expect(usage.output_tokens).toBe(worker.model.tokenize(answer).length + 1);
    }
    expect(second.usage.cache_read_input_tokens).toBe(count - 1);
    expect(first._request_id).toMatch(/^req-/);
  });

  test("assembles a streamed message with a thought", async () => {
    const stream = clientSaying(thinking(answer)).messages.stream(
      request(question, { thinking: { type: "enabled", budget_tokens: 1_024 } }),
    );
    let [thoughts, text] = ["", ""];
    stream.on("thinking", (delta) => (thoughts += delta));
    stream.on("text", (delta) => (text += delta));
    const message = await stream.finalMessage();
    expect([thoughts.trim(), text]).toEqual([thought, answer]);
    expect(message.content).toEqual([
      { type: "thinking", thinking: thoughts, signature: "" },
      { type: "text", text: answer, citations: [] },
    ]);
    expect(message.stop_reason).toBe("end_turn");
    expect(message.usage.output_tokens).toBe(worker.model.tokenize(thinking(answer)).length + 1);
  });

  test("streams two parallel calls, and sends their results back with the thoughts", async () => {
    const client = clientSaying(thinking(calling), answer);
    const body = request(question, { tools: [weather], thinking: { type: "adaptive" } });
    const stream = client.messages.stream(body);
    let pieces = 0;
    stream.on("inputJson", () => (pieces += 1));
    const called = await stream.finalMessage();
    expect(called.stop_reason).toBe("tool_use");
    expect(called.content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
    const uses = called.content.filter((block) => block.type === "tool_use");
    expect(uses.map(({ input }) => input)).toEqual(cities);
    expect(new Set(uses.map(({ id }) => id)).size).toBe(2);
    expect(pieces).toBeGreaterThan(4);

    const results = uses.map(({ id }) => ({ type: "tool_result" as const, tool_use_id: id, content: "Rain." }));
    const { content: text } = await client.messages.create({
      ...body,
      messages: [...body.messages, { role: "assistant", content: called.content }, { role: "user", content: results }],
    });
    expect(text).toEqual([{ type: "text", text: answer, citations: [] }]);
  });

  test("runs its tools until the model answers without a call", async () => {
    const asked: unknown[] = [];
    const runner = clientSaying(calling, answer).beta.messages.toolRunner({
      ...request(question),
      tools: [
        {
          ...{ name: weather.name, description: weather.description, input_schema: schema, type: "custom" },
          parse: (input: unknown) => input,
          run: (input: unknown) => {
            asked.push(input);
            return "Rain.";
          },
        },
      ],
    });
    const { content } = await runner;
    expect(asked).toEqual(cities);
    expect(content).toMatchObject([{ type: "text", text: answer, citations: [] }]);
  });

  test("parses an answer by a schema", async () => {
    const Weather = z.object({ city: z.string(), rain: z.boolean() });
    const parsed = await clientSaying('{"city": "Bern", "rain": true}').messages.parse({
      ...request(question),
      output_config: { format: zodOutputFormat(Weather) },
    });
    expect(parsed.parsed_output).toEqual({ city: "Bern", rain: true });
  });

  test("raises its typed errors, with the reason", async () => {
    const client = new Anthropic({ baseURL: worker.url, apiKey: "none", maxRetries: 0 });
    const create = (more: object) => client.messages.create(request(question, more));
    await expect(create({ max_tokens: 0.5 })).rejects.toMatchObject({ status: 400, type: "invalid_request_error" });
    await expect(create({ tool_choice: { type: "any" } })).rejects.toThrow(/tool_choice.*no tools/);
    const long = client.messages.create(request("x".repeat(9_000)));
    await expect(long).rejects.toThrow(/prompt is too long: \d+ tokens > 8191 maximum/);
    await expect(client.messages.batches.retrieve("none")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });
});

describe("the AI SDK", () => {
  const model = (...says: readonly string[]) =>
    createAnthropic({ baseURL: `${worker.url}/v1`, apiKey: "none", fetch: worker.fetchSaying(says) })("claude-of-ours");
  const options = {
    anthropic: { thinking: { type: "enabled", budgetTokens: 1_024 } } satisfies AnthropicProviderOptions,
  };

  test("streams thoughts, calls, and the answer to the calls' results", async () => {
    const asked: unknown[] = [];
    const stream = streamText({
      ...{ model: model(thinking(calling), thinking(answer)), prompt: question, providerOptions: options },
      stopWhen: stepCountIs(3),
      tools: {
        [weather.name]: tool({
          description: weather.description,
          inputSchema: jsonSchema(schema),
          execute: (input) => {
            asked.push(input);
            return "Rain.";
          },
        }),
      },
    });
    for await (const part of stream.fullStream) if (part.type === "error") throw part.error;
    const steps = await stream.steps;
    expect(asked).toEqual(cities);
    expect(steps.map(({ reasoningText }) => reasoningText?.trim())).toEqual([thought, thought]);
    expect(steps.map(({ text }) => text.trim())).toEqual(["I look.", answer]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
  });
});

describe("LangChain's ChatAnthropic", () => {
  const model = (...says: readonly string[]) =>
    new ChatAnthropic({
      ...{ model: "claude-of-ours", apiKey: "none", anthropicApiUrl: worker.url, maxRetries: 0, maxTokens: 500 },
      clientOptions: { fetch: worker.fetchSaying(says) },
    });

  test("streams calls, and sends their results back", async () => {
    const bound = model(calling, answer).bindTools([weather]);
    const messages: BaseMessage[] = [new HumanMessage(question)];
    const ask = async (): Promise<AIMessageChunk> => {
      let whole: AIMessageChunk | undefined;
      for await (const chunk of await bound.stream(messages)) whole = whole === undefined ? chunk : whole.concat(chunk);
      return whole as AIMessageChunk;
    };
    const called = await ask();
    expect(called.tool_calls?.map(({ name, args }) => [name, args])).toEqual(
      cities.map((city) => [weather.name, city]),
    );
    const results = called.tool_calls?.map(({ id = "" }) => new ToolMessage({ content: "Rain.", tool_call_id: id }));
    messages.push(called, ...(results ?? []));
    expect((await ask()).text).toBe(answer);
  });
});
