// Tests unmodified frameworks: a whole tool round trip over OpenAI's chat completions, with a scripted model that thinks, and pictures in every dialect.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, type LanguageModel } from "ai";
import { Ollama } from "ollama";
import { createOllama } from "ollama-ai-provider-v2";
import OpenAI from "openai";
import { madeUpPng } from "@waggle/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withOpenAiAgents } from "./framework-round-trips.ts";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";
import { killDaemons, spawnFakeWorker, type ListeningWorker } from "../support/daemon.ts";

const args = { city: 'Zürich "HB"', days: 3 };
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";
const call = `<tool_call>\n{"name": "get_weather", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;
const says = [`<think>\n${thought}\n</think>\n\n${call}`, `<think>\n${thought}\n</think>\n\n${answer}`];

let worker: ScriptedWorker;
/** Its fake backend gives answers that depend on the bytes of the pictures. */
let seeing: ListeningWorker;
beforeAll(async () => {
  [worker, seeing] = await Promise.all([usualScriptedWorker(), spawnFakeWorker(["--mmproj", "fake"])]);
});
afterAll(killDaemons);

test("@openai/agents makes a whole tool round trip", async () => {
  const bodies: Readonly<Record<string, unknown>>[] = [];
  const trip = await withOpenAiAgents({
    ...{ url: worker.url, question: "What will the weather be in Zürich?", result: "Rain, 11 degrees." },
    fetch: worker.fetchSaying(says, (body) => bodies.push(body)),
    tool: {
      name: "get_weather",
      description: "The weather in a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
        required: ["city", "days"],
        additionalProperties: true,
      },
    },
  });
  expect(trip.calls).toEqual([{ name: "get_weather", args }]);
  expect(trip.texts).toEqual(["", answer]);
  expect(trip.argumentPieces).toBeGreaterThan(3);
  // Some frameworks do not show thoughts.
  expect(trip.thoughts?.map((text) => text.trim()) ?? [thought, thought]).toEqual([thought, thought]);
  expect(bodies).toHaveLength(2);
  expect(JSON.stringify(bodies[1])).toContain("Rain, 11 degrees.");
});

type Ask = (url: string, picture: Uint8Array) => Promise<unknown>;

const greedy = { model: "m", temperature: 0, max_tokens: 8 };
const openai = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
const role = "user" as const;
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const dataUrl = (picture: Uint8Array): string => `data:image/png;base64,${base64(picture)}`;
/** Its answer has 8 tokens. */
const pictureQuestion = "What is it? [eog:8]";

function withAiSdk(modelAt: (url: string) => LanguageModel): Ask {
  return async (url, picture) => {
    const content = [
      // Ollama's provider sends bytes as a JSON object of numbers.
      { type: "image" as const, image: base64(picture), mediaType: "image/png" },
      { type: "text" as const, text: pictureQuestion },
    ];
    const { text } = await generateText({
      ...{ model: modelAt(url), temperature: 0, maxRetries: 0, maxOutputTokens: 8, messages: [{ role, content }] },
      // Ollama's provider sends `temperature` where Ollama does not read it.
      providerOptions: { ollama: { options: { temperature: 0 } } },
    });
    return text;
  };
}

test.each<[client: string, ask: Ask]>([
  [
    "OpenAI's client",
    async (url, picture) => {
      const content = [
        { type: "image_url" as const, image_url: { url: dataUrl(picture) } },
        { type: "text" as const, text: pictureQuestion },
      ];
      const { choices } = await openai(url).chat.completions.create({ ...greedy, messages: [{ role, content }] });
      return choices[0]?.message.content;
    },
  ],
  [
    "OpenAI's client over the Responses API",
    async (url, picture) => {
      const content = [
        { type: "input_image" as const, detail: "auto" as const, image_url: dataUrl(picture) },
        { type: "input_text" as const, text: pictureQuestion },
      ];
      const { output_text: text } = await openai(url).responses.create({
        ...{ model: "m", temperature: 0, input: [{ role, content }] },
      });
      return text;
    },
  ],
  [
    "Anthropic's client",
    async (url, picture) => {
      const source = { type: "base64" as const, media_type: "image/png" as const, data: base64(picture) };
      const content = [
        { type: "image" as const, source },
        { type: "text" as const, text: pictureQuestion },
      ];
      const client = new Anthropic({ baseURL: url, apiKey: "none" });
      return (await client.messages.create({ ...greedy, messages: [{ role, content }] })).content;
    },
  ],
  [
    "the ollama client",
    async (url, picture) => {
      const messages = [{ role, content: pictureQuestion, images: [picture] }];
      const request = { model: "waggle-fake", options: { temperature: 0 } };
      return (await new Ollama({ host: url }).chat({ ...request, messages })).message.content;
    },
  ],
  [
    "the AI SDK over OpenAI's chat",
    withAiSdk((url) => createOpenAICompatible({ name: "waggle", baseURL: `${url}/v1` })("any")),
  ],
  [
    "the AI SDK over the Responses API",
    withAiSdk((url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })("any")),
  ],
  [
    "the AI SDK over Anthropic's API",
    withAiSdk((url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" })("any")),
  ],
  ["the AI SDK over Ollama's API", withAiSdk((url) => createOllama({ baseURL: `${url}/api` })("waggle-fake"))],
])("%s gets an answer that depends on the picture", async (_, ask) => {
  const [red, blue] = [madeUpPng(0xff0000), madeUpPng(0x0000ff, { width: 9 })];
  const { url } = seeing;
  const [one, again, other] = [await ask(url, red), await ask(url, red), await ask(url, blue)];
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
});
