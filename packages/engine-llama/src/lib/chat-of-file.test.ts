// What a model's file tells of its chat is what the engine tells once it has loaded it: the vocabulary as llama.cpp sees it, and the format.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { llamaTemplates } from "@waggle/chat-template/testing/llama-templates";
import { openFileSource, readGgufHeader, readVocabularyTexts, type VocabularyTexts } from "@waggle/gguf";
import { describeFile } from "@waggle/model-chat";
import {
  familyVocabulary,
  infillVocabulary,
  shapeNamed,
  writeRandomModel,
  writeScriptedModel,
  type FamilyVocabulary,
} from "@waggle/synth";
import { LlamaLogLevel, getLlama, type Llama } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "./load.ts";
import { readVocabulary } from "./vocabulary.ts";

const folder = mkdtempSync(join(tmpdir(), "chat-of-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

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

describe("the texts of a vocabulary", () => {
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

  test("of the families", async () => {
    expect.assertions(llamaTemplates().size);
    for (const [name, template] of llamaTemplates()) {
      const { engine, header } = await seenBy(scripted(name, template));
      expect(header, name).toEqual(engine);
    }
  });

  test.each<[name: string, Omit<FamilyVocabulary, "eos"> & { readonly eos?: string }]>([
    ["endings that are no control tokens", { control: ["<s>"], userDefined: ["<|im_end|>", "<EOT>", "[EOS]", "</s>"] }],
    ["gpt-oss's without its end", { control: ["<|channel|>", "<|return|>", "<|call|>"], userDefined: ["<|start|>"] }],
    ["half of gpt-oss's", { control: ["<|return|>", "<|end|>"], userDefined: [] }],
    ["Solar's", { control: ["<|flush|>", "<|calls|>", "<|end|>"], userDefined: [] }],
    ["Gemma 4's with </s>", { control: ["</s>", "<|tool_response>"], userDefined: ["<|tool_call>"] }],
    ["a coder's", infillVocabulary],
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

describe("a chat", () => {
  const family = (name: string): string => scripted(name, llamaTemplates().get(name) ?? "");
  test.each([
    ["the embedded model", () => storyModel],
    ["one with thoughts and tools", () => family("Qwen-Qwen3-0.6B")],
    ["one whose markers are shown", () => family("openai-gpt-oss-120b")],
    ["one with two templates", () => family("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use")],
    ["one whose template cannot be rendered", () => scripted("broken", "{{ raise_exception('no') }}")],
    ["one that reads", () => randomModel("embed", 500)],
  ])("of %s", async (_, pathOf) => {
    const modelPath = pathOf();
    const backend = await loadLlamaBackend({ modelPath, slots: 1, threads: 1, device: "cpu" });
    const { chatFormat, promptTexts, kind } = backend.info;
    await backend.dispose();
    const told = await describeFile(modelPath, { chosen: undefined });
    const { chatTemplate, bos, eos } = told;
    expect({ kind: told.card.kind, chatFormat: told.chatFormat, promptTexts: { chatTemplate, bos, eos } }).toEqual({
      kind,
      chatFormat,
      promptTexts,
    });
  });
});
