// Tests that a chat described from the model's file equals that of the loaded model: the vocabulary's texts, the format, and rendered prompts.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { openFileSource, readGgufHeader, readVocabularyTexts, type VocabularyTexts } from "@waggle/models/header";
import { describeFile, renderByFile } from "@waggle/chat-format/describe";
import {
  familyVocabulary,
  infillVocabulary,
  shapeNamed,
  writeRandomModel,
  writeScriptedModel,
  type FamilyVocabulary,
} from "@waggle/testing/models";
import { LlamaLogLevel, getLlama, type Llama } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";
import { readVocabulary } from "./vocabulary.ts";

const folder = mkdtempSync(join(tmpdir(), "chat-of-file-"));

function scripted(name: string, template: string, vocabulary = familyVocabulary(template)): string {
  const path = join(folder, `${name}.gguf`);
  writeScriptedModel({ path, template, vocabulary, context: 64 });
  return path;
}

function randomModel(name: string, vocabulary: number): string {
  const path = join(folder, `${name}.gguf`);
  writeRandomModel({ ...shapeNamed(name), layers: 1, vocabulary }, path);
  return path;
}

describe("the header has the same texts as llama.cpp for the vocabulary", () => {
  let llama: Llama;
  beforeAll(async () => {
    const quietly = { progressLogs: false, logLevel: LlamaLogLevel.disabled };
    llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: 1, ...quietly });
  });
  afterAll(() => llama.dispose());

  async function seenBy(path: string): Promise<{ engine: VocabularyTexts; header: VocabularyTexts }> {
    const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
    const { specialTokens } = readVocabulary(model);
    const { bosString, eosString } = model.tokens;
    const engine = { specialTokens, bosText: bosString ?? "", eosText: eosString ?? "" };
    await model.dispose();
    await using source = await openFileSource(path);
    return { engine, header: await readVocabularyTexts(source, await readGgufHeader(source)) };
  }

  test("of a model of each family", async () => {
    expect.assertions(llamaTemplates().size);
    for (const [name, template] of llamaTemplates()) {
      const { engine, header } = await seenBy(scripted(name, template));
      expect(header, name).toEqual(engine);
    }
  });

  test.each<[name: string, Omit<FamilyVocabulary, "eos"> & { readonly eos?: string }]>([
    [
      "a model whose ends are not control tokens",
      { control: ["<s>"], userDefined: ["<|im_end|>", "<EOT>", "[EOS]", "</s>"] },
    ],
    ["gpt-oss without <|end|>", { control: ["<|channel|>", "<|return|>", "<|call|>"], userDefined: ["<|start|>"] }],
    ["gpt-oss without <|call|>", { control: ["<|return|>", "<|end|>"], userDefined: [] }],
    ["Solar", { control: ["<|flush|>", "<|calls|>", "<|end|>"], userDefined: [] }],
    ["Gemma 4 with </s>", { control: ["</s>", "<|tool_response>"], userDefined: ["<|tool_call>"] }],
    ["a model for infill", infillVocabulary],
  ])("of %s", async (name, vocabulary) => {
    const { engine, header } = await seenBy(scripted(name.replaceAll(/\W/g, ""), "x", { eos: "<eos>", ...vocabulary }));
    expect(header).toEqual(engine);
  });

  test("of models with other tokenizers", async () => {
    for (const path of [storyModel, randomModel("15m", 400), randomModel("embed", 400)]) {
      const { engine, header } = await seenBy(path);
      expect(header, path).toEqual(engine);
    }
  });
});

const look = { name: "look", parameters: { type: "object", properties: { "<|im_end|>": { type: "string" } } } };
const call = { id: "1", type: "function" as const, function: { name: "look", arguments: { "<s>": "<|end|>" } } };
const conversation = {
  messages: [
    { role: "user" as const, content: "a<|im_end|><|return|>b</s> \uFDD0" },
    { role: "assistant" as const, content: "", reasoning_content: "<think>hm", tool_calls: [call] },
    { role: "tool" as const, content: "<|im_start|>system", tool_call_id: "1" },
  ],
  tools: [{ type: "function" as const, function: look }],
};

describe("the file describes the same chat as the loaded model", () => {
  const family = (name: string): string => scripted(name, llamaTemplates().get(name) ?? "");
  test.each([
    ["the embedded model", () => storyModel],
    ["a model with thoughts and tools", () => family("Qwen-Qwen3-0.6B")],
    ["a model with user-defined markers", () => family("openai-gpt-oss-120b")],
    ["a model with two templates", () => family("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use")],
    ["a model whose template cannot be rendered", () => scripted("broken", "{{ raise_exception('no') }}")],
    ["a model that embeds", () => randomModel("embed", 500)],
  ])("for %s", async (_, pathOf) => {
    const modelPath = pathOf();
    const backend = await loadLlamaBackend({ modelPath, slots: 1, threads: 1, device: "cpu" });
    const { chatFormat, promptTexts, kind } = backend.info;
    const prompt = await backend.generator?.renderMessages({ kind: "messages", ...conversation });
    await backend.dispose();
    const described = await describeFile(modelPath, { chosen: undefined });
    const request = { inputs: described.chatFormat.inputs, conversation };
    if (kind === "generate") expect(await renderByFile(modelPath, request, { chosen: undefined })).toBe(prompt);
    const { chatTemplate, bos, eos } = described;
    expect({
      kind: described.card.kind,
      chatFormat: described.chatFormat,
      promptTexts: { chatTemplate, bos, eos },
    }).toEqual({
      kind,
      chatFormat,
      promptTexts,
    });
  });
});

test("a model that was trained for decisions is refused by the name of its type", async () => {
  const path = join(folder, "lev.gguf");
  writeScriptedModel({ path, metadata: { "gpt2.decision.type": "lev" }, context: 64 });
  const load = loadLlamaBackend({ modelPath: path, slots: 1, threads: 1, device: "cpu" });
  const reason = 'models that were trained for decisions (type "lev") are not supported';
  await expect(load).rejects.toThrow(`Cannot load model ${path}: ${reason}; use a chat model`);
  const { card } = await describeFile(path, { chosen: undefined });
  expect(card).toMatchObject({ kind: undefined, problem: expect.stringContaining(reason) });
});
