import { createFakeBackend, type TemplateTool } from "@waggle/engine";
import { resumeContract, type ResumableJob } from "./resume-contract.ts";

const look: TemplateTool = { type: "function", function: { name: "look", parameters: { type: "object" } } };

/** A job for which the model writes this text, one byte per token, and ends. */
function saying(text: string, more: Partial<ResumableJob> = {}, tools: readonly TemplateTool[] = []): ResumableJob {
  const messages = [{ role: "user", content: `[say:${encodeURIComponent(text)}]` }] as const;
  return { prompt: { kind: "messages", messages, tools }, maxTokens: 200, ...more };
}

resumeContract("the fake backend", async () => createFakeBackend({ slots: 2, contextSize: 512 }), {
  jobs: {
    "an end of the model's own": { prompt: "[eog:9]" },
    "an end in the middle of what could be a stop string": saying("abc", { stop: ["cd"] }),
    "an end in the middle of a character": { prompt: "[unicode][eog:11] é" },
    "a full context": { prompt: `[unicode] ${"x".repeat(450)}` },
    "a thought and a call": saying(
      '<think>hm 🐝</think>So: <tool_call>{"name": "look", "arguments": {"at": "ё"}}</tool_call>',
      {},
      [look],
    ),
    "a call that is cut": saying('<tool_call>{"name": "look", "argum', {}, [look]),
    "a thought that is closed": saying(`<think>${"so ".repeat(20)}</think>Yes`, { thinkingBudget: 10 }),
    "a stop string after a thought": saying("<think>END</think>The END.", { stop: ["END"] }),
  },
});
