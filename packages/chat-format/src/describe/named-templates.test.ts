// Compares the text that each named template writes with llama.cpp's format of the same name.
import { createTemplateRenderer } from "../template/index.ts";
import { afterAll, expect, test } from "vitest";
import { namedTemplate, templateNames } from "./named-templates.ts";
import { openModelChat } from "./open-model-chat.ts";

const renderer = createTemplateRenderer();
afterAll(() => renderer.close());

const messages = [
  { role: "system", content: "S " },
  { role: "user", content: " Q" },
  { role: "assistant", content: " A " },
  { role: "user", content: "R" },
];

async function rendered(name: string, chat: readonly { role: string; content: string }[] = messages): Promise<string> {
  const source = namedTemplate(name) ?? "";
  const template = await renderer.open({ source, namedSources: {}, bosText: "<s>", eosText: "</s>" });
  return await template.render({ messages: [...chat], add_generation_prompt: true });
}

/** Expected prompts: a system message, a question, its answer, another question, and the opening of the next answer. */
const texts: Readonly<Record<string, string>> = {
  chatml:
    "<|im_start|>system\nS <|im_end|>\n<|im_start|>user\n Q<|im_end|>\n<|im_start|>assistant\n A <|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n",
  llama2: "[INST] S \n Q [/INST] A </s>[INST] R [/INST]",
  "llama2-sys": "[INST] <<SYS>>\nS \n<</SYS>>\n\n Q [/INST] A </s>[INST] R [/INST]",
  "llama2-sys-bos": "[INST] <<SYS>>\nS \n<</SYS>>\n\n Q [/INST] A </s><s>[INST] R [/INST]",
  "llama2-sys-strip": "[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST]A</s>[INST] R [/INST]",
  "mistral-v1": " [INST] S \n\n Q [/INST]  A </s> [INST] R [/INST]",
  "mistral-v3": "[INST] S \n\n Q[/INST] A</s>[INST] R[/INST]",
  "mistral-v3-tekken": "[INST]S \n\n Q[/INST] A </s>[INST]R[/INST]",
  "mistral-v7": "[SYSTEM_PROMPT] S [/SYSTEM_PROMPT][INST]  Q[/INST]  A </s>[INST] R[/INST]",
  "mistral-v7-tekken": "[SYSTEM_PROMPT]S [/SYSTEM_PROMPT][INST] Q[/INST] A </s>[INST]R[/INST]",
  phi3: "<|system|>\nS <|end|>\n<|user|>\n Q<|end|>\n<|assistant|>\n A <|end|>\n<|user|>\nR<|end|>\n<|assistant|>\n",
  phi4: "<|im_start|>system<|im_sep|>S <|im_end|><|im_start|>user<|im_sep|> Q<|im_end|><|im_start|>assistant<|im_sep|> A <|im_end|><|im_start|>user<|im_sep|>R<|im_end|><|im_start|>assistant<|im_sep|>",
  falcon3: "<|system|>\nS \n<|user|>\n Q\n<|assistant|>\n A \n<|user|>\nR\n<|assistant|>\n",
  zephyr:
    "<|system|>\nS <|endoftext|>\n<|user|>\n Q<|endoftext|>\n<|assistant|>\n A <|endoftext|>\n<|user|>\nR<|endoftext|>\n<|assistant|>\n",
  gemma:
    "<start_of_turn>user\nS\n\nQ<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n<start_of_turn>user\nR<end_of_turn>\n<start_of_turn>model\n",
  openchat:
    "S <|end_of_turn|>GPT4 Correct User:  Q<|end_of_turn|>GPT4 Correct Assistant:  A <|end_of_turn|>GPT4 Correct User: R<|end_of_turn|>GPT4 Correct Assistant:",
  vicuna: "S \n\nUSER:  Q\nASSISTANT:  A </s>\nUSER: R\nASSISTANT:",
  "vicuna-orca": "SYSTEM: S \nUSER:  Q\nASSISTANT:  A </s>\nUSER: R\nASSISTANT:",
  deepseek: "S ### Instruction:\n Q\n### Response:\n A \n<|EOT|>\n### Instruction:\nR\n### Response:\n",
  deepseek2: "S \n\nUser:  Q\n\nAssistant:  A <｜end▁of▁sentence｜>User: R\n\nAssistant:",
  deepseek3: "S \n\n<｜User｜> Q<｜Assistant｜> A <｜end▁of▁sentence｜><｜User｜>R<｜Assistant｜>",
  "command-r":
    "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Q<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>R<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
  llama3:
    "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nR<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
  llama4:
    "<|header_start|>system<|header_end|>\n\nS<|eot|><|header_start|>user<|header_end|>\n\nQ<|eot|><|header_start|>assistant<|header_end|>\n\nA<|eot|><|header_start|>user<|header_end|>\n\nR<|eot|><|header_start|>assistant<|header_end|>\n\n",
  chatglm3: "[gMASK]sop<|system|>\n S <|user|>\n  Q<|assistant|>\n  A <|user|>\n R<|assistant|>",
  chatglm4: "[gMASK]<sop><|system|>\nS <|user|>\n Q<|assistant|>\n A <|user|>\nR<|assistant|>\n",
  glmedge: "<|system|>\nS <|user|>\n Q<|assistant|>\n A <|user|>\nR<|assistant|>",
  minicpm: "S<用户>Q<AI>A<用户>R<AI>",
  exaone3: "[|system|]S[|endofturn|]\n[|user|]Q\n[|assistant|]A[|endofturn|]\n[|user|]R\n[|assistant|]",
  exaone4: "[|system|]S[|endofturn|]\n[|user|]Q\n[|assistant|]A[|endofturn|]\n[|user|]R\n[|assistant|]",
  "rwkv-world": "System: S\n\nUser: Q\n\nAssistant: A\n\nUser: R\n\nAssistant:",
  granite:
    "<|start_of_role|>system<|end_of_role|>S <|end_of_text|>\n<|start_of_role|>user<|end_of_role|> Q<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|> A <|end_of_text|>\n<|start_of_role|>user<|end_of_role|>R<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>\n",
  megrez:
    "<|role_start|>system<|role_end|>S <|turn_end|><|role_start|>user<|role_end|> Q<|turn_end|><|role_start|>assistant<|role_end|> A <|turn_end|><|role_start|>user<|role_end|>R<|turn_end|><|role_start|>assistant<|role_end|>",
  bailing:
    "<role>SYSTEM</role>S <role>HUMAN</role> Q<role>ASSISTANT</role> A <role>HUMAN</role>R<role>ASSISTANT</role>",
  smolvlm:
    "<|im_start|>S \n\nUser:  Q<end_of_utterance>\nAssistant:  A <end_of_utterance>\nUser: R<end_of_utterance>\nAssistant:",
  "hunyuan-moe": "<|startoftext|>S <|extra_4|><|startoftext|> Q<|extra_0|> A <|eos|><|startoftext|>R<|extra_0|>",
  "kimi-k2":
    "<|im_system|>system<|im_middle|>S <|im_end|><|im_user|>user<|im_middle|> Q<|im_end|><|im_assistant|>assistant<|im_middle|> A <|im_end|><|im_user|>user<|im_middle|>R<|im_end|><|im_assistant|>assistant<|im_middle|>",
};

test.each(Object.entries(texts))("%s", async (name, text) => {
  expect(await rendered(name)).toBe(text);
});

test("the expected prompts cover each name except `generic`, which is not a template", () => {
  expect(templateNames.toSorted()).toEqual([...Object.keys(texts), "generic"].toSorted());
  expect(namedTemplate("generic")).toBeUndefined();
});

test("a tool's result has separate marks if the format has marks for tools", async () => {
  const tool = { role: "tool", content: "T" };
  expect(await rendered("exaone4", [tool])).toBe("[|tool|]T[|endofturn|]\n[|assistant|]");
  expect(await rendered("phi3", [tool])).toBe("<|tool|>\nT<|end|>\n<|assistant|>\n");
});

test.each(templateNames)("the format derived from %s has a system message, and causes no warning", async (chosen) => {
  const warnings: string[] = [];
  const { format } = await openModelChat(renderer, {
    templates: new Map(),
    chosen,
    specialTokens: [],
    bosText: "<s>",
    eosText: "</s>",
    warn: (message) => warnings.push(message),
  });
  expect(format).toMatchObject({ name: "generic", inputs: { system: true, listsOnly: false } });
  expect(warnings).toEqual([]);
});
