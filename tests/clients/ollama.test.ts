// Tests common clients of Ollama with a real worker, on the worker's separate listener for Ollama's dialect.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import type { BaseMessage } from "@langchain/core/messages";
import { ChatOllama } from "@langchain/ollama";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { Ollama } from "ollama";
import type { ChatRequest, Message } from "ollama";
import { createOllama } from "ollama-ai-provider-v2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { killDaemons, spawnDaemon } from "../support/daemon.ts";
import { spawnScriptedWorker } from "../support/scripted-worker.ts";
import type { ScriptedWorker } from "../support/scripted-worker.ts";

const model = "Tiny Bee";
const publicName = "Tiny-Bee:latest";
const question = "What will the weather be in Zürich?";
const Weather = z.object({ city: z.string(), days: z.int() });
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
};
const description = "The weather in a city.";
const weather = { type: "function", function: { name: "get_weather", description, parameters } };
const args = { city: 'Zürich "HB"', days: 3 };
const result = "Rain, 11 degrees.";
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";
const call = (given: object): string =>
  `<tool_call>\n${JSON.stringify({ name: "get_weather", arguments: given })}\n</tool_call>`;
const thinking = (reply: string): string => `<think>\n${thought}\n</think>\n\n${reply}`;

let worker: ScriptedWorker;
/** Address of the listener for Ollama's dialect. */
let host: string;
beforeAll(async () => {
  const template = llamaTemplates().get("Qwen-Qwen3-0.6B") as string;
  const flags = ["--slots", "2", "--offline", "--model-ref", model, "--ollama", "--ollama-port", "0"];
  worker = await spawnScriptedWorker({ template, context: 8_192 }, flags);
  host = (await worker.line("listening")).ollama_url as string;
});
afterAll(killDaemons);

/** The ollama client. @param says the model's answers to its requests, in order */
function client(...says: string[]): Ollama {
  return new Ollama({ host, fetch: worker.fetchSaying(says) });
}

describe("the port for Ollama's clients", () => {
  test("greets as Ollama does, for GET and HEAD, and answers in every dialect", async () => {
    const greeting = await fetch(host);
    expect([greeting.status, await greeting.text()]).toEqual([200, "Ollama is running"]);
    expect((await fetch(host, { method: "HEAD" })).status).toBe(200);
    expect(await (await fetch(worker.url)).text()).not.toContain("Ollama is running");
    expect((await fetch(`${host}/v1/models`)).status).toBe(200);
  });

  test("has the same Host, Origin and token rules, and is free after the worker's exit", async () => {
    const foreign = await fetch(`${host}/api/tags`, { headers: { origin: "https://elsewhere.example" } });
    expect([foreign.status, await foreign.json()]).toEqual([
      403,
      { error: expect.stringContaining("--allowed-origin") },
    ]);
    const token = "a-token-of-mine";
    const flags = ["--port", "0", "--backend", "fake", "--ollama", "--ollama-port", "0"];
    const guarded = await spawnDaemon("worker", flags, { env: { WAGGLE_API_TOKEN: token } });
    const { ollama_url: guardedHost = "" } = await guarded.line("listening");
    await guarded.line("ready");
    await expect(new Ollama({ host: guardedHost }).list()).rejects.toMatchObject({ status_code: 401 });
    const known = new Ollama({ host: guardedHost, headers: { authorization: `Bearer ${token}` } });
    expect((await known.list()).models).toHaveLength(1);
    guarded.signal("SIGTERM");
    expect((await guarded.exited).code).toBe(0);
    await expect(fetch(guardedHost)).rejects.toThrow("fetch failed");
  });
});

describe("the ollama client", () => {
  test("finds the model and its properties", async () => {
    const ollama = client();
    expect(await ollama.version()).toEqual({ version: "0.17.6" });
    const [listed] = (await ollama.list()).models;
    expect(listed).toMatchObject({ name: publicName, details: { family: "gpt2", quantization_level: "Q8_0" } });
    expect(listed?.size).toBeGreaterThan(1_000);
    const shown = await ollama.show({ model: publicName });
    expect(shown.capabilities).toEqual(["completion", "tools", "thinking", "decision"]);
    expect(shown.model_info).toMatchObject({ "general.architecture": "gpt2", "gpt2.context_length": 8_192 });
    expect((await ollama.ps()).models).toMatchObject([{ name: publicName, digest: listed?.digest }]);
  });

  test("streams a whole tool round trip with two parallel calls", async () => {
    const bodies: unknown[] = [];
    const says = [thinking(`Two.${call(args)}\n${call({ city: "Bern", days: 1 })}`), thinking(answer)];
    const ollama = new Ollama({ host, fetch: worker.fetchSaying(says, (body) => bodies.push(body)) });
    const messages: Message[] = [{ role: "user", content: question }];
    const ask = async (): Promise<Message> => {
      const request: ChatRequest & { stream: true } = { model, messages, tools: [weather], stream: true };
      const whole: Message = { role: "assistant", content: "", thinking: "" };
      for await (const { message } of await ollama.chat(request)) {
        whole.content += message.content;
        whole.thinking += message.thinking ?? "";
        if (message.tool_calls !== undefined) whole.tool_calls = [...(whole.tool_calls ?? []), ...message.tool_calls];
      }
      return whole;
    };
    const calling = await ask();
    expect(calling).toMatchObject({ content: "Two.", thinking: thought });
    expect(calling.tool_calls?.map((made) => made.function.arguments)).toEqual([args, { city: "Bern", days: 1 }]);
    messages.push(calling);
    for (const made of calling.tool_calls ?? []) {
      messages.push({ role: "tool", tool_name: made.function.name, content: result });
    }
    expect(await ask()).toMatchObject({ content: answer, thinking: thought });
    expect(bodies).toHaveLength(2);
  });

  test("thinks with think: true, and not with think: false", async () => {
    const ollama = client(thinking(answer), answer);
    const messages = [{ role: "user", content: question }];
    const asked = await ollama.chat({ model, messages, think: true });
    expect(asked.message).toEqual({ role: "assistant", content: answer, thinking: thought });
    const plain = await ollama.chat({ model, messages, think: false });
    expect(plain.message).toEqual({ role: "assistant", content: answer });
  });

  test.each([
    ["pull, streamed", 503, (ollama: Ollama) => ollama.pull({ model: "llama3.2", stream: true })],
    ["chat", 404, (ollama: Ollama) => ollama.chat({ model: "llama3.2", messages: [{ role: "user", content: "a" }] })],
  ] as const)("gets the reason why it cannot %s", async (_, status, act) => {
    await expect(act(new Ollama({ host }))).rejects.toMatchObject({
      ...{ name: "ResponseError", status_code: status, error: expect.stringMatching(/^(Cannot|model) /) },
    });
  });
});

describe("the AI SDK's Ollama provider", () => {
  const provider = (...says: string[]) => createOllama({ baseURL: `${host}/api`, fetch: worker.fetchSaying(says) });
  const think = { providerOptions: { ollama: { think: true } } };

  test("streams a whole tool round trip", async () => {
    const calls: unknown[] = [];
    const stream = streamText({
      ...{ model: provider(thinking(call(args)), thinking(answer))(model), prompt: question, ...think },
      stopWhen: stepCountIs(3),
      tools: {
        get_weather: tool({
          ...{ description, inputSchema: jsonSchema(parameters as never) },
          execute: (given) => {
            calls.push(given);
            return result;
          },
        }),
      },
    });
    for await (const part of stream.fullStream) if (part.type === "error") throw part.error;
    const steps = await stream.steps;
    expect(calls).toEqual([args]);
    expect(steps.map(({ text }) => text)).toEqual(["", answer]);
    expect(steps.map(({ reasoningText }) => reasoningText)).toEqual([thought, thought]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
  });

  test("generates text and an object", async () => {
    const { text, usage } = await generateText({ model: provider(answer)(model), prompt: question });
    expect([text, usage.outputTokens]).toEqual([answer, worker.model.tokenize(answer).length + 1]);
    const { output } = await generateText({
      ...{ model: provider(JSON.stringify(args))(model), prompt: question, output: Output.object({ schema: Weather }) },
    });
    expect(output).toEqual(args);
  });

  test("completes a prompt, and requires a context in the answer", async () => {
    const { text } = await generateText({ model: provider(thinking(answer)).completion(model), prompt: question });
    expect(text).toBe(answer);
  });
});

describe("LangChain", () => {
  const chat = (says: string[], more: object = {}) =>
    new ChatOllama({ model: publicName, baseUrl: host, fetch: worker.fetchSaying(says), ...more });

  test("makes a whole tool round trip with two parallel calls", async () => {
    const bound = chat([`${call(args)}\n${call({ city: "Bern", days: 1 })}`, answer], { think: false }).bindTools([
      weather,
    ]);
    const messages: BaseMessage[] = [new HumanMessage(question)];
    const calling = await bound.invoke(messages);
    expect(calling.tool_calls?.map((made) => made.args)).toEqual([args, { city: "Bern", days: 1 }]);
    messages.push(calling);
    for (const { id = "" } of calling.tool_calls ?? [])
      messages.push(new ToolMessage({ content: result, tool_call_id: id }));
    expect((await bound.invoke(messages)).text).toBe(answer);
  });

  test("streams, counts each token once, and shows thoughts", async () => {
    const says = thinking(answer);
    let text = "";
    let thoughts = "";
    let tokens = 0;
    for await (const chunk of await chat([says]).stream(question)) {
      text += chunk.text;
      thoughts += (chunk.additional_kwargs["reasoning_content"] as string | undefined) ?? "";
      tokens += (chunk.usage_metadata as { output_tokens: number } | undefined)?.output_tokens ?? 0;
    }
    expect([text, thoughts, tokens]).toEqual([answer, thought, worker.model.tokenize(says).length + 1]);
  });

  test("gives structured output, and finds the model without a pull", async () => {
    const structured = chat([JSON.stringify(args)], { think: false, checkOrPullModel: true }).withStructuredOutput(
      Weather,
    );
    expect(await structured.invoke(question)).toEqual(args);
  });
});
