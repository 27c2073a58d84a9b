// Lists the cases of llama.cpp that their grammars do not accept: a reader accepts more forms than a grammar lets a model write.

const order = "arguments not in the order of the schema";
const mention =
  "a marker that is mentioned where it has a meaning, or in an argument: the grammar accepts it only in ordinary tokens";
const unended = "the end marker is missing";
const fence = "fences around JSON";
const ownTools = "a tool or a recipient from the model's training that the request does not have";

/** Reasons by the case's name. */
export const notInGrammar: Readonly<Record<string, string>> = {
  "Qwen3.5-4B:2490": "content before a required call",
  "Qwen3.5-4B:2596": "content before a required call",
  "mistralai-Ministral-3-14B-Reasoning-2512:2691": fence,
  "google-gemma-4-31B-it:3204": "an empty thought after the content",
  "google-gemma-4-31B-it:3210": "an empty thought after the content",
  "google-gemma-4-31B-it:3216": "a thought that is opened twice",
  "Qwen3-Coder:3776": order,
  "Qwen3-Coder:3791": order,
  "Qwen3-Coder:3807": order,
  "Qwen3-Coder:3824": order,
  "Qwen3-Coder:3842": order,
  "inclusionai-ling-3.0-flash:4726": "content after a call",
  "inclusionai-ling-3.0-flash:4746": mention,
  "inclusionai-ling-3.0-flash:4806": order,
  "Kimi-K3:4932": unended,
  "Kimi-K2-Thinking:5146": unended,
  "Kimi-K2-Thinking:5163": unended,
  "MiniMax-M3:5760": "elements for a value of two types, which are written as JSON",
  "MiniMax-M3:5798": "elements for a value of two types, which are written as JSON",
  "MiniMax-M3:5818": "a text for a value that may be an object: a grammar cannot distinguish the two",
  "MiniMax-M3:5836": "elements for a value of two types, which are written as JSON",
  "Apriel-1.6-15b-Thinker-fixed:6272": "a continued thought whose opening is not in the prompt",
  "Apriel-1.6-15b-Thinker-fixed:6282": "a continued thought whose opening is not in the prompt",
  "meta-llama-Llama-3.1-8B-Instruct:6345": fence,
  "meta-llama-Llama-3.1-8B-Instruct:6352": "white space after the content of a schema",
  "openai-gpt-oss-120b:6574": ownTools,
  "openai-gpt-oss-120b:6583": ownTools,
  "openai-gpt-oss-120b:6594": ownTools,
  "openai-gpt-oss-120b:6602": ownTools,
  "StepFun3.5-Flash:6800": "white space after a brace",
  "openbmb-MiniCPM5-1B:6930": mention,
};
