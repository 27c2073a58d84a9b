// Tests common clients of OpenAI's API with a real worker and the embedded model.
/* oxlint-disable typescript/no-deprecated -- deprecated functions of the clients must keep working */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createGate, poll, type Gate } from "@waggle/testing/harness";
import { generateObject } from "ai";
import OpenAI, { type ClientOptions } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { killDaemons, spawnFakeWorker, usualWorker, type ListeningWorker } from "../support/daemon.ts";

const story = [{ role: "user" as const, content: "Tell me a story about a dog and a ball." }];
const Weather = z.object({
  city: z.enum(["Bonn", "Rome"]),
  degrees: z.number().int().min(-40).max(50),
  rain: z.boolean(),
});
const weatherTool = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", enum: ["Bonn", "Rome"] },
        days: { type: "integer", minimum: 1, maximum: 7 },
      },
      required: ["city", "days"],
      additionalProperties: false,
    },
  },
};

let worker: ListeningWorker;
let client: OpenAI;
beforeAll(async () => {
  worker = await usualWorker();
  client = clientOf(worker.url);
});
afterAll(killDaemons);

function clientOf(url: string, options: ClientOptions = {}): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, ...options });
}

async function slotsAreIdle(): Promise<boolean> {
  return (await worker.client.slots()).every((slot) => slot.state === "idle");
}

describe("the openai client", () => {
  it("lists the model and finds it by name", async () => {
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    expect(models).toEqual(["waggle-tiny-stories"]);
    expect((await client.models.retrieve("waggle-tiny-stories")).object).toBe("model");
    await expect(client.models.retrieve("gpt-4")).rejects.toMatchObject({ status: 404 });
  });

  it("streams with usage, and gets the same text as a collected answer with the same seed", async () => {
    const request = { model: "m", messages: story, max_tokens: 40, seed: 5, temperature: 0.7 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(usage).toMatchObject({ completion_tokens: 40, prompt_tokens: whole.usage?.prompt_tokens });
  });

  it("parses an answer by a JSON schema", async () => {
    const answer = await client.chat.completions.parse({
      model: "m",
      messages: [{ role: "user", content: "How is the weather?" }],
      response_format: zodResponseFormat(Weather, "weather"),
      max_tokens: 200,
    });
    expect(Weather.safeParse(answer.choices[0]?.message.parsed).success).toBe(true);
  });

  it("forces a call, streamed as deltas, from a model without tools in its template", async () => {
    const stream = client.chat.completions.stream({
      model: "m",
      messages: [{ role: "user", content: "How is the weather in Rome?" }],
      tools: [weatherTool],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      max_tokens: 200,
    });
    let pieces = 0;
    stream.on("tool_calls.function.arguments.delta", () => (pieces += 1));
    const final = await stream.finalChatCompletion();
    const [call] = final.choices[0]?.message.tool_calls ?? [];
    expect(final.choices[0]?.finish_reason).toBe("tool_calls");
    expect(call?.type === "function" && call.function.name).toBe("get_weather");
    const args = JSON.parse((call?.type === "function" && call.function.arguments) || "") as {
      city: string;
      days: number;
    };
    expect(["Bonn", "Rome"]).toContain(args.city);
    expect(args.days).toBeGreaterThanOrEqual(1);
    expect(pieces).toBeGreaterThan(1);
  });
});

describe("the openai client when things go wrong", () => {
  let gate: Gate;
  /** Its steps wait at the gate. */
  let victim: ListeningWorker;
  beforeAll(async () => {
    gate = await createGate();
    victim = await spawnFakeWorker([...gate.flags, "--slots", "1", "--queue-capacity", "1"]);
  });
  afterAll(() => gate[Symbol.dispose]());
  beforeEach(() => gate.open());
  afterEach(async () => {
    await poll("a condition to hold", slotsAreIdle);
  });

  it("retries a 429 after its Retry-After", async () => {
    gate.close();
    await victim.client.createJob({ prompt: "runs [eog:3]" });
    await gate.held();
    await victim.client.createJob({ prompt: "waits [eog:2]" });
    const tries: { readonly at: number; readonly status: number; readonly retryAfter: string | null }[] = [];
    const patient = clientOf(victim.url, {
      maxRetries: 100,
      async fetch(url, init) {
        const at = performance.now();
        const response = await fetch(url, init);
        tries.push({ at, status: response.status, retryAfter: response.headers.get("retry-after") });
        gate.open();
        return response;
      },
    });
    const answer = await patient.completions.create({ model: "m", prompt: "late [eog:1]" });
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    const [refused, second] = tries;
    expect(refused?.status).toBe(429);
    const waitedMs = (second?.at ?? NaN) - (refused?.at ?? NaN);
    expect(waitedMs).toBeGreaterThanOrEqual(Number(refused?.retryAfter) * 950);
  });

  it("raises an error when a stream kills one engine after the other", async () => {
    const messages = [{ role: "user" as const, content: "[die:3]" }];
    const stream = await clientOf(victim.url).chat.completions.create({ model: "m", messages, stream: true });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/terminated|premature|aborted|engine/i);
  });

  it("raises the typed error of a collected answer", async () => {
    const messages = [{ role: "user" as const, content: "[die:3]" }];
    const answer = clientOf(victim.url).chat.completions.create({ model: "m", messages });
    await expect(answer).rejects.toMatchObject({ status: 502, code: "engine_failed" });
  });
});

it("the Vercel AI SDK generates an object", async () => {
  const provider = { name: "waggle", baseURL: `${worker.url}/v1`, supportsStructuredOutputs: true };
  const model = createOpenAICompatible(provider)("tiny");
  const { object } = await generateObject({ model, schema: Weather, prompt: "The weather?" });
  expect(Weather.safeParse(object).success).toBe(true);
});
