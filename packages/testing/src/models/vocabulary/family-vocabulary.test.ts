// Tests the markers that are found in templates of llama.cpp: a model without them would be given its calls as plain bytes.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { expect, it } from "vitest";
import { familyVocabulary } from "./family-vocabulary.ts";

const templates = llamaTemplates();

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
  const found = familyVocabulary(templates.get(name) ?? "");
  expect(found.control).toEqual(expect.arrayContaining(control));
  expect(found.userDefined).toEqual(expect.arrayContaining(userDefined));
});
