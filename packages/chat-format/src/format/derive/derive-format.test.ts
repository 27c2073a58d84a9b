import { compileTemplate } from "../../template/index.ts";
import { llamaTemplates } from "../../testing/template/llama-templates.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { readAnswer } from "../../testing/read-answer.ts";
import { answerStart } from "../answer.ts";
import type { ChatFormat } from "../format.ts";
import type { Render } from "./conversations.ts";
import { deriveFormat } from "./derive-format.ts";

const sources = llamaTemplates();
const formats = new Map<string, ChatFormat>();

const now = (): Date => new Date(0);

function renderer(source: string): Render {
  const template = compileTemplate(source);
  return async (values) => template.render({ bos_token: "", eos_token: "</s>", ...values }, { now });
}

beforeAll(async () => {
  for (const [name, source] of sources) formats.set(name, await deriveFormat({ source, render: renderer(source) }));
});

/** Templates for which llama.cpp derives a parser. */
const derivable = {
  json: [
    ...["Apertus-8B-Instruct", "Bielik-11B-v3.0-Instruct", "CohereForAI-c4ai-command-r-plus-tool_use"],
    ...["CohereForAI-c4ai-command-r7b-12-2024-tool_use", "MiMo-VL", "MiniMax-M1", "NVIDIA-Nemotron-Nano-v2"],
    ...["NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "NousResearch-Hermes-3-Llama-3.1-8B-tool_use"],
    ...["Qwen-QwQ-32B", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "Reka-Edge", "ibm-granite-granite-4.0"],
    ...["ibm-granite-granite-4.1", "mistralai-Mistral-Nemo-Instruct-2407", "Mistral-Small-3.2-24B-Instruct-2506"],
    ...["deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-ai-DeepSeek-V3.1", "llama-cpp-deepseek-r1"],
    ...["meetkai-functionary-medium-v3.1", "upstage-Solar-Open-100B"],
  ],
  tags: [
    ...["GLM-4.6", "GLM-4.7-Flash", "MiniMax-M2", "Spark2.5", "Qwen3-Coder", "Qwen3.5-4B", "StepFun3.5-Flash"],
    ...["poolside-Laguna-S-2.1", "poolside-Laguna-XS-2.1", "poolside-Laguna-XS.2"],
  ],
  single: [
    ...["meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "meta-llama-Llama-3.3-70B-Instruct"],
    "GigaChat3.1-10B-A1.8B",
  ],
};

describe("a template's format", () => {
  it.each([...derivable.json, ...derivable.tags])("%s: reads the two calls that its template writes", (name) => {
    expect(formats.get(name)).toMatchObject({ name: "derived", abilities: { tools: true, parallelCalls: true } });
  });

  it.each(derivable.single)("%s: reads the single call that its template writes", (name) => {
    expect(formats.get(name)).toMatchObject({ name: "derived", abilities: { tools: true, parallelCalls: false } });
  });

  it.each([
    ["Qwen-Qwen3-0.6B", "reasoning_content", "switchable"],
    ["MiniMax-M2", "reasoning_content", "always"],
    ["mistralai-Ministral-3-14B-Reasoning-2512", "parts", "always"],
    ["upstage-Solar-Open-100B", "reasoning", "always"],
    ["llama-cpp-deepseek-r1", undefined, "always"],
    ["Qwen-Qwen2.5-7B-Instruct", undefined, "never"],
  ])("%s: thoughts in the history under %s, thinking %s", (name, key, thinking) => {
    expect(formats.get(name)?.inputs.thoughtKey).toBe(key);
    expect(formats.get(name)?.abilities.thinking).toBe(thinking);
  });

  it.each([
    ["Qwen-Qwen3-0.6B", { enable_thinking: false }, "<think>\n\n</think>\n\n"],
    ["Qwen3.5-4B", {}, "<think>\n"],
    ["GLM-4.7-Flash", { enable_thinking: false }, "</think>"],
    ["poolside-Laguna-S-2.1", { enable_thinking: true }, "<think>"],
    ["Reka-Edge", {}, ""],
    ["Qwen3-Coder", {}, ""],
  ])("%s: a prompt with %j already contains %j of the answer", async (name, values, said) => {
    const render = renderer(sources.get(name) ?? "");
    const results = { role: "tool", tool_call_id: "abcdefghi", content: "x" };
    const calling = {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "abcdefghi", type: "function", function: { name: "time", arguments: {} } }],
    };
    const format = formats.get(name);
    if (format === undefined) throw new Error("No such template");
    for (const messages of [[{ role: "user", content: "Hi" }], [{ role: "user", content: "Hi" }, calling, results]]) {
      const prompt = await render({ messages, add_generation_prompt: true, ...values });
      expect(answerStart(format, prompt).said.trim()).toBe(said.trim());
    }
  });

  it("finds no turn opening after a tool's result if the template has none", () => {
    const format = formats.get("deepseek-ai-DeepSeek-V3.1");
    const prompt = "<｜User｜>Hi<｜Assistant｜></think>x<｜tool▁output▁begin｜>1<｜tool▁output▁end｜>";
    expect(answerStart(format ?? { turnOpens: [] }, prompt)).toEqual({ said: "" });
  });

  it("is the family's format if probing finds nothing", () => {
    const format = formats.get("fireworks-ai-llama-3-firefunction-v2");
    if (format === undefined) throw new Error("No such template");
    expect(format.name).toBe("firefunction");
    expect(readAnswer(format, [' functools[{"name": "time", "arguments": {}}]']).parts).toEqual([
      { kind: "call", index: 0, name: "time" },
      { kind: "arguments", index: 0, text: "{}" },
    ]);
  });

  it("keeps the line break that a family writes before a value", () => {
    expect(JSON.stringify(formats.get("GLM-4.6")?.answer)).toContain(JSON.stringify("\n<arg_value>"));
  });

  it("has the calls of a template that fails to render tools", async () => {
    const source = `{% if tools %}{{ raise_exception("No tools") }}{% endif %}
      {%- for m in messages %}<|{{ m.role }}|>{{ m.content }}
      {%- for c in m.tool_calls or [] %}<call>{{ c.function.name }}: {{ c.function.arguments | tojson }}</call>{% endfor %}
      {%- endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
    const format = await deriveFormat({ source, render: renderer(source) });
    expect(format.name).toBe("derived");
    expect(format.abilities).toMatchObject({ tools: true, parallelCalls: true });
  });

  it("has no end-of-text marker if a template writes the marker only in turns with calls", async () => {
    const source = `{% for m in messages %}<|{{ m.role }}|>{{ m.content }}
      {%- for c in m.tool_calls or [] %}<call>{{ c.function.name }}: {{ c.function.arguments | tojson }}</call>{% endfor %}
      {%- if m.tool_calls %}<|x_eos|>{% endif %}
      {%- endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
    const format = await deriveFormat({ source, render: renderer(source) });
    expect(format.abilities).toMatchObject({ tools: true, parallelCalls: true });
    expect(JSON.stringify(format.answer)).toContain("</call>");
    expect(JSON.stringify(format.answer)).not.toContain("eos");
  });

  it("stays the same as JSON, the form in which it passes between processes", () => {
    for (const format of formats.values()) expect(JSON.parse(JSON.stringify(format))).toEqual(format);
  });

  it.each<[string, Render]>([
    ["refuses everything", () => Promise.reject(new Error("No"))],
    ["writes nothing", () => Promise.resolve("")],
    ["writes the same text for all values", () => Promise.resolve("<|im_start|>assistant")],
    ["prints the values that it gets", (values) => Promise.resolve(JSON.stringify(values))],
  ])("never fails: a template that %s", async (_, render) => {
    const format = await deriveFormat({ source: "", render });
    expect(format.abilities.thinking).not.toBe("always");
    expect(readAnswer(format, ["Hello."]).parts).toEqual([{ kind: "content", text: "Hello." }]);
  });
});
