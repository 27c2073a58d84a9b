import { answerGrammar, answerStart, markText } from "@waggle/chat-format/format";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { describe, expect, test } from "vitest";
import { openChat, type Chat } from "../text/chat.ts";
import { createGrammars } from "../sampling/grammars.ts";

const tool = { type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } } as const;
async function open(name: string): Promise<Chat> {
  const source = llamaTemplates().get(name) ?? "";
  return await openChat({
    templates: new Map([["default", source]]),
    chosen: undefined,
    specialTokens: ["<think>", "</think>", "<|channel|>", "<|tool_call>"].map((text) => ({ text, control: true })),
    bosText: "",
    eosText: "</s>",
    warn: (message) => expect.fail(message),
  });
}

// Tests formats whose prompts contain the beginning of an answer.
describe.each([
  "deepseek-ai-DeepSeek-V4",
  "poolside-Laguna-XS.2",
  "GLM-4.7-Flash",
  "MiniMax-M3",
  "Kimi-K3",
  "Cohere2MoE",
  "Qwen3.5-4B",
  "openai-gpt-oss-120b",
  "meetkai-functionary-medium-v3.2",
  "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
])("a prompt of %s", (name) => {
  test("begins an answer that the format's grammars can continue, with thoughts on or off", async () => {
    const chat = await open(name);
    const { thinkingSwitch } = chat.format.abilities;
    const settings = [undefined, thinkingSwitch?.on, thinkingSwitch?.off];
    const options = { format: chat.format, tools: [{ name: "look" }], parallel: true };
    const texts = [
      answerGrammar({ ...options, choice: "auto" }),
      answerGrammar({ ...options, choice: "required" }),
      answerGrammar({ ...options, tools: [], choice: "auto", schema: { type: "object" } }),
    ];
    const { marks } = chat.format;
    const grammars = createGrammars({
      vocabularySize: marks.length,
      tokenBytes: () => new Uint8Array(),
      markOf: (token) => marks[token]?.mark,
      isEndOfGeneration: () => false,
    });
    expect.assertions(settings.length * texts.length);
    for (const setting of settings) {
      const variables = thinkingSwitch === undefined || setting === undefined ? {} : { [thinkingSwitch.name]: setting };
      const template = { variables };
      const prompt = await chat.render({ messages: [{ role: "user", content: "Hi" }], tools: [tool], template });
      const begun = markText(answerStart(chat.format, prompt).said, marks);
      for (const text of texts) {
        const run = await grammars.beginAnswer(text, begun);
        expect(run.candidates(), `${JSON.stringify(begun)} is a beginning of ${text}`).toBeDefined();
      }
    }
    await chat.close();
  });
});
