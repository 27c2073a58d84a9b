// Tests that jobs resume after their earlier output, on a real model and on a scripted model that writes a thought and a tool call.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerGrammar } from "@waggle/chat-format/format";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import type { Backend, TemplateTool } from "@waggle/engine";
import { driveSlots } from "@waggle/engine/testing";
import { writeScriptedModel } from "@waggle/testing/models";
import { resumeContract, type ResumableJob } from "@waggle/testing";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";

const cpu = { slots: 2, batchSize: 128, threads: 1, device: "cpu" } as const;

describeBindings((binding) => {
  const made = () => loadOn(binding, { ...cpu, modelPath: storyModel, contextSize: 256 });
  resumeContract("llama", made, { everyCut: 9 });
});

const folder = mkdtempSync(join(tmpdir(), "waggle-resume-"));

const tools = [
  {
    type: "function",
    function: { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } },
  },
] as const;
const call = '<tool_call>\n{"name": "look", "arguments": {"at": "ё 🐝"}}\n</tool_call>';
/** Prompts need different lengths, because the scripted model chooses its answer by the answer's position. */
const look = (length: number, offered: readonly TemplateTool[]) => {
  const messages = [{ role: "user" as const, content: `Look${"!".repeat(length)}` }];
  return { kind: "messages" as const, messages, tools: offered };
};
const jobs = {
  "a thought and a call": { prompt: look(1, tools), maxTokens: 160 },
  // `answerGrammar` is set when the model is loaded, because the model's chat format decides how calls are written.
  "a call that a grammar asks for": { prompt: look(300, tools), maxTokens: 160, answerGrammar: "" },
  "a thought that is closed": { prompt: look(600, []), maxTokens: 60, thinkingBudget: 12 },
} satisfies Record<string, ResumableJob>;
const says = [
  `<think>\nhm\n</think>\n\nSo:\n${call}`,
  `<think>\n\n</think>\n\n${call}`,
  `<think>\n${"so ".repeat(30)}`,
];

async function loadScripted(): Promise<Backend> {
  const template = llamaTemplates().get("Qwen-QwQ-32B") ?? "";
  const path = join(folder, "scripted.gguf");
  const model = writeScriptedModel({ path, template, context: 2_048 });
  const backend = await loadLlamaBackend({ ...cpu, modelPath: path, contextSize: 2_048 });
  const { tokenize } = driveSlots(backend);
  const prompts = Object.values(jobs).map(({ prompt }) => tokenize(prompt));
  model.say(...(await Promise.all(prompts)).map(({ entries }, i) => ({ at: entries.length, say: says[i] ?? "" })));
  const { chatFormat: format } = backend.info;
  const calls = { format, tools: [{ name: "look" }], parallel: false, choice: "required" } as const;
  jobs["a call that a grammar asks for"].answerGrammar = answerGrammar(calls);
  return backend;
}

resumeContract("a model with a family's format", loadScripted, { alone: true, everyCut: 5, jobs });
