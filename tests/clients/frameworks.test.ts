// Tests unmodified frameworks: a whole tool round trip over OpenAI's chat completions, with a scripted model that thinks, and pictures in every dialect.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, type LanguageModel } from "ai";
import { createOllama } from "ollama-ai-provider-v2";
import { beforeAll, describe, expect, test } from "vitest";
import { withOpenAiAgents } from "./framework-round-trips.ts";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";
import { base64, pictureFaults, pictureQuestion, red, seeingWorker, torn } from "../support/seeing-worker.ts";

const args = { city: 'Zürich "HB"', days: 3 };
const thought = "I should look, 🐝.";
const answer = "It will rain in Zürich.";
const call = `<tool_call>\n{"name": "get_weather", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;
const says = [`<think>\n${thought}\n</think>\n\n${call}`, `<think>\n${thought}\n</think>\n\n${answer}`];

let worker: ScriptedWorker;
beforeAll(async () => void (worker = await usualScriptedWorker()));

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

describe("the AI SDK with pictures", () => {
  test.each<[string, (url: string, model: string) => LanguageModel]>([
    ["OpenAI chat", (url) => createOpenAICompatible({ name: "waggle", baseURL: `${url}/v1` })("any")],
    ["Responses", (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })("any")],
    ["Anthropic", (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" })("any")],
    ["Ollama", (url, model) => createOllama({ baseURL: `${url}/api` })(model)],
  ])(
    "gets answers that depend on the pictures, over %s, and the reason why pictures cannot be read",
    async (_, modelAt) => {
      const ask = async (model: LanguageModel, pictures: readonly Uint8Array[]) =>
        await generateText({
          ...{ model, temperature: 0, maxRetries: 0, maxOutputTokens: 8 },
          // Ollama's provider sends `temperature` where Ollama does not read it.
          providerOptions: { ollama: { options: { temperature: 0 } } },
          messages: [
            {
              role: "user",
              content: [
                // Ollama's provider sends bytes as a JSON object of numbers.
                ...pictures.map((bytes) => ({ type: "image" as const, image: base64(bytes), mediaType: "image/png" })),
                { type: "text", text: pictureQuestion },
              ],
            },
          ],
        });
      const model = modelAt((await seeingWorker()).url, "waggle-fake");
      const faults = await pictureFaults(async (...pictures) => {
        const { text, usage } = await ask(model, pictures);
        return { text, promptTokens: usage.inputTokens };
      });
      expect(faults).toEqual([]);
      const broken = ask(model, [red, torn]);
      await expect(broken).rejects.toSatisfy(APICallError.isInstance);
      await expect(broken).rejects.toMatchObject({
        ...{ statusCode: 400, responseBody: expect.stringContaining("Cannot read picture 2: ") },
      });
      const blind = ask(modelAt(worker.url, "Scripted"), [red]);
      await expect(blind).rejects.toMatchObject({
        ...{ statusCode: 400, responseBody: expect.stringContaining("has no projector") },
      });
    },
  );
});
