// Tests common clients of OpenAI's Responses API with a real worker and a scripted model: their results, and the requests that they send.
import { createOpenAI } from "@ai-sdk/openai";
import { Agent, OpenAIResponsesModel, run, setTracingDisabled, tool as agentTool } from "@openai/agents";
import { HumanMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

const thought = "I should look, 🐝.";
const question = "What will the weather be in Zürich?";
const answer = "It will rain in Zürich.";
const args = { city: 'Zürich "HB"', days: 3 };
const result = "Rain, 11 degrees.";
const callOf = (name: string, value: object): string =>
  `<tool_call>\n${JSON.stringify({ name, arguments: value })}\n</tool_call>`;
const thinking = (text: string): string => `<think>\n${thought}\n</think>\n\n${text}`;
const calling = thinking(callOf("get_weather", args));
const answering = thinking(answer);
const weatherParameters = {
  type: "object" as const,
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
  required: ["city", "days"],
  additionalProperties: false as const,
};
const weather = {
  type: "function" as const,
  name: "get_weather",
  description: "The weather in a city.",
  parameters: weatherParameters,
  strict: true,
};

type Body = Readonly<Record<string, unknown>>;

let worker: ScriptedWorker;
beforeAll(async () => void (worker = await usualScriptedWorker()));

function openai(says: readonly string[], onBody?: (body: Body) => void): OpenAI {
  const fetch = worker.fetchSaying(says, onBody);
  return new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0, fetch });
}

describe("the openai client", () => {
  test("creates a response, retrieves it, lists its input, and deletes it", async () => {
    const client = openai([answering]);
    const response = await client.responses.create({ model: "m", input: question, metadata: { a: "b" } });
    expect(response).toMatchObject({ status: "completed", output_text: answer, metadata: { a: "b" } });
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(4);
    const again = await client.responses.retrieve(response.id);
    expect(again).toEqual(response);
    const items = [];
    for await (const item of client.responses.inputItems.list(response.id)) items.push(item);
    expect(items).toMatchObject([{ type: "message", role: "user", content: [{ type: "input_text", text: question }] }]);
    const count = await client.responses.inputTokens.count({ model: "m", input: question });
    expect(count.input_tokens).toBe(response.usage?.input_tokens);
    await client.responses.delete(response.id);
    await expect(client.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 });
  });

  test("assembles a stream, calls a tool, and continues from the previous response", async () => {
    const bodies: Body[] = [];
    const client = openai([calling, answering], (body) => bodies.push(body));
    const stream = client.responses.stream({ model: "m", input: question, tools: [weather] });
    let pieces = 0;
    let thoughts = "";
    stream.on("response.function_call_arguments.delta", () => (pieces += 1));
    stream.on("response.reasoning_summary_text.delta", ({ delta }) => (thoughts += delta));
    const first = await stream.finalResponse();
    expect(thoughts.trim()).toBe(thought);
    expect(pieces).toBeGreaterThan(3);
    const call = first.output.find((item) => item.type === "function_call");
    expect(call).toMatchObject({ name: "get_weather", status: "completed", parsed_arguments: args });

    const input = [{ type: "function_call_output" as const, call_id: call?.call_id ?? "", output: result }];
    const previous = { previous_response_id: first.id, tools: [weather] };
    const second = await client.responses.stream({ model: "m", input, ...previous }).finalResponse();
    expect(second.output_text).toBe(answer);
    expect(second.previous_response_id).toBe(first.id);
    expect(second.usage?.input_tokens_details.cached_tokens).toBeGreaterThan(20);

    const events: number[] = [];
    const again = client.responses.stream({ response_id: second.id, starting_after: 5 });
    again.on("event", ({ sequence_number: number }) => events.push(number));
    expect((await again.finalResponse()).output_text).toBe(answer);
    expect(events[0]).toBe(6);
    const resumed = await client.responses.retrieve(second.id, { stream: true, starting_after: 5 });
    const numbers: number[] = [];
    for await (const { sequence_number: number } of resumed) numbers.push(number);
    expect(numbers).toEqual(events);
  });

  test("parses an answer by a schema, and the arguments of a call", async () => {
    const Weather = z.object({ city: z.string(), rain: z.boolean() });
    const client = openai([thinking('{"city": "Bonn", "rain": true}'), calling]);
    const parsed = await client.responses.parse({
      model: "m",
      input: question,
      text: { format: zodTextFormat(Weather, "weather") },
    });
    expect(parsed.output_parsed).toEqual({ city: "Bonn", rain: true });
    const parameters = z.object({ city: z.string(), days: z.int() });
    const tools = [zodResponsesFunction({ name: "get_weather", parameters })];
    const called = await client.responses.parse({ model: "m", input: question, tools });
    expect(called.output.find((item) => item.type === "function_call")).toMatchObject({ parsed_arguments: args });
  });
});

describe("@openai/agents in Responses mode", () => {
  test.each([false, true])("makes a tool round trip, streamed: %s", async (streamed) => {
    setTracingDisabled(true);
    const given: unknown[] = [];
    const getWeather = agentTool({
      name: "get_weather",
      description: "The weather in a city.",
      parameters: z.object({ city: z.string(), days: z.int() }),
      execute: (value) => {
        given.push(value);
        return result;
      },
    });
    const model = new OpenAIResponsesModel(openai([calling, answering]), "m");
    const agent = new Agent({ name: "Weather", instructions: "Be brief.", model, tools: [getWeather] });
    let text = "";
    if (streamed) {
      const running = await run(agent, question, { stream: true });
      for await (const event of running) {
        if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta")
          text += event.data.delta;
      }
      await running.completed;
      expect(running.finalOutput).toBe(answer);
      expect(text).toBe(answer);
    } else {
      expect((await run(agent, question)).finalOutput).toBe(answer);
    }
    expect(given).toEqual([args]);
  });
});

describe("the AI SDK's responses provider", () => {
  test.each([true, false])("makes a tool round trip and shows thoughts, with store: %s", async (store) => {
    const bodies: Body[] = [];
    const fetch = worker.fetchSaying([calling, answering], (body) => bodies.push(body));
    const provider = createOpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", fetch });
    const given: unknown[] = [];
    const stream = streamText({
      ...{ model: provider.responses("m"), prompt: question, stopWhen: stepCountIs(3), maxRetries: 0 },
      providerOptions: { openai: { store, forceReasoning: true, reasoningSummary: "auto" } },
      tools: {
        get_weather: tool({
          description: "The weather in a city.",
          inputSchema: jsonSchema(weatherParameters),
          execute: (value) => {
            given.push(value);
            return result;
          },
        }),
      },
    });
    let pieces = 0;
    for await (const part of stream.fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "tool-input-delta") pieces += 1;
    }
    const steps = await stream.steps;
    expect(steps.map(({ text }) => text)).toEqual(["", answer]);
    expect(steps.map(({ reasoningText = "" }) => reasoningText.trim())).toEqual([thought, thought]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    expect(steps[1]?.usage.outputTokens).toBeGreaterThan(5);
    expect(given).toEqual([args]);
    expect(pieces).toBeGreaterThan(3);
    const types = ((bodies[1]?.["input"] ?? []) as { type?: string }[]).map(({ type }) => type);
    expect(types.slice(1)).toEqual([
      ...[store ? "item_reference" : "reasoning", "function_call", "function_call_output"],
    ]);
  });
});

describe("LangChain over the Responses API", () => {
  test("makes a tool round trip", async () => {
    const fetch = worker.fetchSaying([calling, answering]);
    const configuration = { baseURL: `${worker.url}/v1`, fetch };
    const model = new ChatOpenAI({ model: "m", apiKey: "none", maxRetries: 0, useResponsesApi: true, configuration });
    const { name, description, parameters } = weather;
    const bound = model.bindTools([{ type: "function", function: { name, description, parameters } }]);
    const messages: BaseMessage[] = [new HumanMessage(question)];
    const first = await bound.invoke(messages);
    expect(first.tool_calls).toMatchObject([{ name: "get_weather", args }]);
    messages.push(first, ...(first.tool_calls ?? []).map(({ id = "" }) => new ToolMessage(result, id)));
    let text = "";
    for await (const chunk of await bound.stream(messages)) text += chunk.text;
    expect(text).toBe(answer);
  });
});
