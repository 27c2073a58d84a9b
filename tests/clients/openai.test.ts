// Tests common clients of OpenAI's API with a real worker and the embedded model.
/* oxlint-disable typescript/no-deprecated -- deprecated functions of the clients must keep working */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createGate, poll, type Gate } from "@waggle/testing/harness";
import { generateObject, streamText } from "ai";
import OpenAI, { type ClientOptions } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  killDaemons,
  spawnFakeWorker,
  spawnGuardedWorker,
  usualWorker,
  type ListeningWorker,
} from "../support/daemon.ts";
import { blue, dataUrl, pictureFaults, pictureQuestion, red, seeingWorker, torn } from "../support/seeing-worker.ts";

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

  it("chats, with any model name", async () => {
    const answer = await client.chat.completions.create({ model: "whatever", messages: story, max_tokens: 40 });
    expect(answer.model).toBe("waggle-tiny-stories");
    expect(answer.choices[0]?.message.content?.length).toBeGreaterThan(40);
    expect(answer.choices[0]?.finish_reason).toBe("length");
    expect(answer.usage?.completion_tokens).toBe(40);
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

  it("gets two different choices from n: 2", async () => {
    const answer = await client.chat.completions.create({ model: "m", messages: story, max_tokens: 30, n: 2, seed: 3 });
    const [a, b] = answer.choices.map((choice) => choice.message.content);
    expect(answer.choices).toHaveLength(2);
    expect(a).not.toBe(b);
  });

  it("gets the requested number of logprobs, of the raw distribution", async () => {
    const request = { model: "m", messages: story, max_tokens: 8, logprobs: true, top_logprobs: 5 };
    const greedy = await client.chat.completions.create({ ...request, temperature: 0 });
    const entries = greedy.choices[0]?.logprobs?.content ?? [];
    expect(entries).toHaveLength(8);
    for (const entry of entries) {
      expect(entry.top_logprobs).toHaveLength(5);
      expect(entry.top_logprobs[0]?.token).toBe(entry.token);
      expect(entry.logprob).toBeLessThanOrEqual(0);
      const mass = entry.top_logprobs.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
      expect(mass).toBeLessThanOrEqual(1.000_01);
    }
    // The temperature changes the sampled tokens, but not the reported logprobs.
    const first = (await client.chat.completions.create({ ...request, temperature: 1.5, seed: 1 })).choices[0];
    const values = first?.logprobs?.content?.[0]?.top_logprobs.map(({ logprob }) => logprob) ?? [];
    const expected = entries[0]?.top_logprobs.map(({ logprob }) => logprob) ?? [];
    expect(values).toHaveLength(5);
    values.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? 0, 3));
  });

  it("stops at a stop string", async () => {
    const request = { model: "m", prompt: "Once upon a time", temperature: 0, max_tokens: 60 };
    const whole = (await client.completions.create(request)).choices[0]?.text ?? "";
    const stop = whole.slice(10, 18);
    const cut = await client.completions.create({ ...request, stop });
    expect(cut.choices[0]).toMatchObject({ text: whole.slice(0, whole.indexOf(stop)), finish_reason: "stop" });
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

  it("gets the name of an unsupported keyword in a schema", async () => {
    const schema = { type: "object", properties: { a: { type: "array", uniqueItems: true } } };
    const refused = client.chat.completions.create({
      model: "m",
      messages: story,
      response_format: { type: "json_schema", json_schema: { name: "x", schema } },
    });
    await expect(refused).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("uniqueItems") as string,
    });
  });

  it("gets any JSON object from json_object", async () => {
    const answer = await client.chat.completions.create({
      model: "m",
      messages: story,
      response_format: { type: "json_object" },
      max_tokens: 300,
      seed: 2,
    });
    if (answer.choices[0]?.finish_reason === "stop") {
      expect(JSON.parse(answer.choices[0].message.content ?? "")).toBeTypeOf("object");
    } else expect(answer.choices[0]?.message.content).toMatch(/^\s*\{/);
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

  it("embeds texts as floats and as base64, and similar texts get similar vectors", async () => {
    const { data } = await client.embeddings.create({
      model: "m",
      input: ["The dog ran to the park.", "A dog runs in the park.", "Mom baked a cake."],
    });
    const [dog, alike, cake] = data.map((entry) => entry.embedding);
    const dot = (a: number[] = [], b: number[] = []) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
    expect(dot(dog, dog)).toBeCloseTo(1, 3);
    expect(dot(dog, alike)).toBeGreaterThan(dot(dog, cake));
    const floats = await client.embeddings.create({
      model: "m",
      input: "The dog ran to the park.",
      encoding_format: "float",
    });
    floats.data[0]?.embedding.forEach((value, i) => expect(value).toBeCloseTo(dog?.[i] ?? NaN, 4));
  });
});

describe("the openai client with pictures", () => {
  const request = (...pictures: readonly Uint8Array[]) => ({
    ...{ model: "m", temperature: 0 },
    messages: [
      {
        role: "user" as const,
        content: [
          ...pictures.map((bytes) => ({ type: "image_url" as const, image_url: { url: dataUrl(bytes) } })),
          { type: "text" as const, text: pictureQuestion },
        ],
      },
    ],
  });

  it("gets answers that depend on the pictures, with their tokens, also streamed", async () => {
    const seeing = clientOf((await seeingWorker()).url);
    const faults = await pictureFaults(async (...pictures) => {
      const { choices, usage } = await seeing.chat.completions.create(request(...pictures));
      return { text: choices[0]?.message.content, promptTokens: usage?.prompt_tokens };
    });
    expect(faults).toEqual([]);
    const whole = await seeing.chat.completions.create(request(red, blue));
    const streamed = await seeing.chat.completions.stream(request(red, blue)).finalContent();
    expect(streamed).toBe(whole.choices[0]?.message.content);
    const broken = seeing.chat.completions.create(request(red, torn));
    await expect(broken).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(broken).rejects.toThrow("Cannot read picture 2: ");
  });

  it("raises its typed error for a model without a projector", async () => {
    const refused = client.chat.completions.create(request(red));
    await expect(refused).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(refused).rejects.toThrow(/"waggle-tiny-stories" has no projector/);
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

  it("gets a whole answer when the engine is killed under its stream", async () => {
    const { engine_pid: engine } = await victim.line("ready");
    const request = { model: "m", messages: story, max_tokens: 60, seed: 1 };
    gate.close();
    gate.step(3);
    const stream = await clientOf(victim.url).chat.completions.create({ ...request, stream: true });
    let [content, finish] = ["", ""];
    for await (const { choices } of stream) {
      if (content === "" && (choices[0]?.delta.content ?? "") !== "") {
        process.kill(engine as number, "SIGKILL");
        gate.open();
      }
      content += choices[0]?.delta.content ?? "";
      finish = choices[0]?.finish_reason ?? finish;
    }
    const undisturbed = await clientOf(victim.url).chat.completions.create(request);
    expect([content, finish]).toEqual([undisturbed.choices[0]?.message.content, "length"]);
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

  it("authenticates in network mode", async () => {
    const token = "a-token-of-mine";
    const guarded = await spawnGuardedWorker(token);
    const refused = clientOf(guarded.url).models.list();
    await expect(refused).rejects.toMatchObject({ status: 401, type: "authentication_error" });
    const known = new OpenAI({ baseURL: `${guarded.url}/v1`, apiKey: token });
    expect((await known.models.list()).data).toHaveLength(1);
  });
});

describe("the Vercel AI SDK", () => {
  const model = () =>
    createOpenAICompatible({
      name: "waggle",
      baseURL: `${worker.url}/v1`,
      supportsStructuredOutputs: true,
      includeUsage: true,
    })("tiny");

  it("streams text", async () => {
    const result = streamText({ model: model(), prompt: "Tell me a story.", maxOutputTokens: 40 });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    expect(text.length).toBeGreaterThan(40);
    expect((await result.usage).outputTokens).toBe(40);
  });

  it("generates an object", async () => {
    const { object } = await generateObject({ model: model(), schema: Weather, prompt: "The weather?" });
    expect(Weather.safeParse(object).success).toBe(true);
  });
});
