// Lists the conversations that a template renders differently from Hugging Face's transformers, with reasons. renderings.test.ts fails if a
// difference is new or does not occur any more.

export interface ExpectedDifference {
  readonly reason: string;
  /** Whether the recording shows that transformers drops a part of the conversation. */
  readonly drops: boolean;
  /** Names of conversations by template. */
  readonly templates: Readonly<Record<string, readonly string[]>>;
}

const callsWithTools = [
  ...["call and result", "call without arguments", "call, result, answer, user", "content and call"],
  ...["short id", "thought and call", "two calls"],
];
const calls = [...callsWithTools, "call without tools"];
const tools = ["enable_thinking off, tool", "tool", "tool, bare", "tools, awkward"];

export const expectedDifferences: readonly ExpectedDifference[] = [
  {
    reason:
      "Hugging Face writes the content before a call after the call, or after its result and an end of the turn without a new opening.",
    drops: false,
    templates: {
      "google-gemma-4-31B-it": ["content and call"],
      "google-gemma-4-31B-it-interleaved": ["content and call"],
    },
  },
  {
    reason: "Hugging Face drops tools or calls silently; here the prompt explains them in words.",
    drops: true,
    templates: {
      "HuggingFaceTB-SmolLM3-3B": [...calls, ...tools],
      "LFM2-8B-A1B": calls,
      "LFM2.5-Instruct": calls,
      "ibm-granite-granite-3.3-2B-Instruct": calls,
      "llama-cpp-rwkv-world": [...calls, ...tools],
      "microsoft-Phi-3.5-mini-instruct": [...calls, ...tools],
      "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": [...callsWithTools, ...tools],
      "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": [...callsWithTools, ...tools],
      "deepseek-ai-DeepSeek-V3.1": [...callsWithTools, ...tools],
      "google-gemma-2-2b-it": ["tool", "tool, bare"],
    },
  },
  {
    reason: "Hugging Face drops the content of a message with a call; here it is a separate message before the call.",
    drops: true,
    templates: {
      Cohere2MoE: ["content and call"],
      "CohereForAI-c4ai-command-r7b-12-2024-tool_use": ["content and call"],
      "MiniMax-M1": ["content and call"],
      "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": ["content and call"],
      "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": ["content and call"],
      "meta-llama-Llama-3.1-8B-Instruct": ["content and call"],
      "meta-llama-Llama-3.2-3B-Instruct": ["content and call"],
      "meta-llama-Llama-3.3-70B-Instruct": ["content and call"],
      "muse-glimmer": ["content and call"],
      "upstage-Solar-Open-100B": ["content and call"],
    },
  },
  {
    reason: "Hugging Face drops the second of two calls; here the second call is a separate message.",
    drops: true,
    templates: {
      "GigaChat3-10B-A1.8B": ["two calls"],
      "GigaChat3.1-10B-A1.8B": ["two calls"],
      "openai-gpt-oss-120b": ["two calls"],
    },
  },
  {
    reason: "Hugging Face escapes text as HTML after a text that the template marks as safe.",
    drops: false,
    templates: {
      "meetkai-functionary-medium-v3.1": [...callsWithTools, "enable_thinking off, tool", "tool", "tools, awkward"],
    },
  },
  {
    reason:
      "Hugging Face renders calls but no tools (a generator cannot become JSON); here both are explained in words.",
    drops: false,
    templates: {
      "llama-cpp-deepseek-r1": ["call without tools"],
    },
  },
];
