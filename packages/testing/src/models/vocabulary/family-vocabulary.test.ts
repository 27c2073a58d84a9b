// Tests the markers that are found in each template of llama.cpp.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { describe, expect, it } from "vitest";
import { makeByteVocabulary } from "./byte-vocabulary.ts";
import { familyVocabulary } from "./family-vocabulary.ts";

const templates = llamaTemplates();
const vocabularyOf = (name: string) => familyVocabulary(templates.get(name) ?? "");

describe("familyVocabulary", () => {
  it("finds a valid vocabulary for every template", () => {
    for (const [name, source] of templates) {
      const family = familyVocabulary(source);
      const { pieces, types, markers } = makeByteVocabulary(family);
      expect(new Set(pieces).size, name).toBe(pieces.length);
      expect(types, name).toHaveLength(pieces.length);
      expect(markers.size, name).toBe(new Set([...family.control, ...family.userDefined]).size);
      for (const end of [family.eos, family.eot ?? family.eos]) expect(family.control, name).toContain(end);
    }
    expect(templates.size).toBeGreaterThan(60);
  });

  it.each([
    ["Qwen-Qwen3-0.6B", ["<|im_start|>", "<|im_end|>"], ["<think>", "<tool_call>", "</tool_response>"]],
    ["openai-gpt-oss-120b", ["<|channel|>", "<|message|>", "<|constrain|>", "<|call|>"], []],
    ["google-gemma-4-31B-it", ["<|turn>", "<|tool_response>"], ['<|"|>', "<|tool_call>", "<channel|>"]],
    ["meta-llama-Llama-3.1-8B-Instruct", ["<|python_tag|>", "<|eom_id|>", "<|begin_of_text|>"], []],
    ["LFM2.5-Instruct", ["<|tool_call_start|>", "<|startoftext|>"], ["<think>", "</think>"]],
    ["deepseek-ai-DeepSeek-V3.1", ["<｜tool▁calls▁begin｜>", "<｜end▁of▁sentence｜>"], ["</think>"]],
    ["deepseek-ai-DeepSeek-V3.2", ["<｜Assistant｜>"], ["｜DSML｜"]],
    ["mistralai-Ministral-3-14B-Reasoning-2512", ["[TOOL_CALLS]", "[ARGS]", "[/THINK]", "<s>", "</s>"], []],
    ["Kimi-K2-Instruct", ["<|tool_calls_section_begin|>", "<|im_middle|>"], []],
    ["GLM-4.6", ["<|observation|>", "<|user|>"], ["<arg_key>", "</arg_value>", "<tool_call>"]],
    ["CohereForAI-c4ai-command-r7b-12-2024-tool_use", ["<|START_ACTION|>", "<BOS_TOKEN>"], []],
    ["MiniMax-M2", ["[e~[", "]~b]"], ["<minimax:tool_call>", "</minimax:tool_call>"]],
  ])("finds the markers of %s", (name, control, userDefined) => {
    const found = vocabularyOf(name);
    expect(found.control).toEqual(expect.arrayContaining(control));
    expect(found.userDefined).toEqual(expect.arrayContaining(userDefined));
  });

  it("ignores markers that a template completes, and other text in angle brackets", () => {
    expect(familyVocabulary("<|{{ role }}|> a <| b |> <unused7><div>").control).toEqual(["</s>", "<unused7>"]);
  });
});

describe("makeByteVocabulary", () => {
  it("begins with the bytes in GPT-2's characters", () => {
    const { pieces } = makeByteVocabulary({ control: [], userDefined: [], eos: "</s>" });
    expect([pieces[0x41], pieces[0x20], pieces[0x0a], pieces[0xff], pieces[256]]).toEqual(["A", "Ġ", "Ċ", "ÿ", "</s>"]);
    expect(new Set(pieces.slice(0, 256).map((piece) => [...piece].length))).toEqual(new Set([1]));
  });

  it("refuses a marker of both kinds, and an empty marker", () => {
    const make = (control: string[], userDefined: string[]) => () =>
      makeByteVocabulary({ control, userDefined, eos: "</s>" });
    expect(make(["<a>"], ["<a>"])).toThrow("<a> is both control and user-defined");
    expect(make([""], [])).toThrow("a marker is empty");
  });
});
