// Tests that each type in the unions of OpenAI's, Anthropic's and Ollama's packages reaches the model or is refused by name. A package with a new type
// has no row here, which the compiler reports.
import type { Anthropic } from "@anthropic-ai/sdk";
import type { BetaContentBlockParam } from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { Message as OllamaMessage } from "ollama";
import type OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

let worker: ScriptedWorker;
beforeAll(async () => void (worker = await usualScriptedWorker()));

type Json = Readonly<Record<string, unknown>>;
/** `read`: the prompt is longer with it. `ignored`: the prompt is the same. Otherwise: the field that the error names. */
type Fate = "read" | "ignored" | (string & {});
type Row = readonly [value: Json, fate: Fate];
type Rows<T extends string> = Readonly<Record<T, Row>>;

async function tokens(path: string, body: Json): Promise<number | string> {
  const response = await fetch(`${worker.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", ...body }),
  });
  const answer = (await response.json()) as Json;
  if (response.status !== 200) return `${response.status} ${JSON.stringify(answer)}`;
  const usage = (answer["usage"] ?? answer) as Json;
  return Number(usage["input_tokens"] ?? usage["prompt_tokens"] ?? usage["prompt_eval_count"]);
}

const user = { role: "user", content: "Hi" };
const counted = {
  responses: (input: readonly Json[], more: Json = {}) => tokens("/v1/responses/input_tokens", { input, ...more }),
  messages: (messages: readonly Json[], more: Json = {}) => tokens("/v1/messages/count_tokens", { messages, ...more }),
  chat: (messages: readonly Json[], more: Json = {}) =>
    tokens("/v1/chat/completions", { messages, max_tokens: 1, ...more }),
  ollama: async (messages: readonly Json[]) =>
    tokens("/api/chat", { model: await modelName(), messages, stream: false, options: { num_predict: 1 } }),
};

/** Only Ollama's dialect needs it. */
async function modelName(): Promise<string> {
  const { models } = (await (await fetch(`${worker.url}/api/tags`)).json()) as { models: { name: string }[] };
  return models[0]?.name ?? "";
}

async function expectFate(fate: Fate, before: Promise<number | string>, after: Promise<number | string>) {
  const [without, found] = [Number(await before), await after];
  if (fate === "read") expect(found).toBeGreaterThan(without);
  else if (fate === "ignored") expect(found).toBe(without);
  else {
    expect(found).toMatch(/^40[04] /);
    expect(found).toContain(fate);
  }
}

const tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } };
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0xLjQK" };

type InputItem = NonNullable<
  (OpenAI.Responses.ResponseInputItem | OpenAI.Beta.Responses.BetaResponseInputItem)["type"]
>;
const items: Rows<InputItem> = {
  message: [{ role: "assistant", content: "Bees" }, "read"],
  reasoning: [{ summary: [], encrypted_content: "gAAA" }, "read"],
  function_call: [{ call_id: "c", name: "f", arguments: "{}" }, "read"],
  function_call_output: [{ call_id: "c", output: "Bees" }, "read"],
  custom_tool_call: [{ call_id: "c", name: "f", input: "x" }, "read"],
  custom_tool_call_output: [{ call_id: "c", output: [{ type: "input_file", file_id: "f" }] }, "read"],
  file_search_call: [{ id: "i", queries: ["bees"], results: [{ filename: "a", text: "Bees dance." }] }, "read"],
  computer_call: [{ id: "i", call_id: "c", action: { type: "click", x: 1, y: 2 } }, "read"],
  computer_call_output: [{ call_id: "c", output: { type: "computer_screenshot", file_id: "f" } }, "read"],
  web_search_call: [{ id: "i", status: "completed", action: { type: "search", query: "bees" } }, "read"],
  tool_search_call: [{ arguments: { q: "bees" } }, "read"],
  tool_search_output: [{ tools: [tool] }, "read"],
  additional_tools: [{ role: "developer", tools: [tool] }, "read"],
  compaction: [{ encrypted_content: "gAAA" }, "input.1.type"],
  compaction_trigger: [{}, "input.1.type"],
  image_generation_call: [{ id: "i", status: "completed", result: png }, "read"],
  code_interpreter_call: [{ id: "i", code: "1", outputs: [{ type: "logs", logs: "1" }] }, "read"],
  local_shell_call: [{ id: "i", call_id: "c", action: { type: "exec", command: ["ls"] } }, "read"],
  local_shell_call_output: [{ id: "c", output: "a.txt" }, "read"],
  shell_call: [{ call_id: "c", action: { commands: ["ls"] } }, "read"],
  shell_call_output: [{ call_id: "c", output: [{ stdout: "a.txt", stderr: "" }] }, "read"],
  apply_patch_call: [{ call_id: "c", operation: { type: "delete_file", path: "a" } }, "read"],
  apply_patch_call_output: [{ call_id: "c", status: "failed", output: "no such file" }, "read"],
  mcp_list_tools: [{ id: "i", server_label: "s", tools: [{ name: "t" }] }, "read"],
  mcp_approval_request: [{ id: "i", server_label: "s", name: "t", arguments: "{}" }, "read"],
  mcp_approval_response: [{ approval_request_id: "i", approve: false, reason: "no" }, "read"],
  mcp_call: [{ id: "i", server_label: "s", name: "t", arguments: "{}", output: "Bees" }, "read"],
  item_reference: [{ id: "unknown" }, "input.1.id"],
  agent_message: [{ author: "/a", recipient: "/", content: [{ type: "input_text", text: "Bees" }] }, "read"],
  multi_agent_call: [{ call_id: "c", action: "list_agents", arguments: "{}" }, "read"],
  multi_agent_call_output: [{ call_id: "c", output: [{ type: "output_text", text: "Bees" }] }, "read"],
  program: [{ id: "i", call_id: "c", code: "run()" }, "read"],
  program_output: [{ id: "i", call_id: "c", result: "Bees", status: "completed" }, "read"],
};

type Blocks = Anthropic.ContentBlockParam["type"] | BetaContentBlockParam["type"];
/** In the user's last turn; in the assistant's turn, all are read. */
const blocks: Rows<Blocks> = {
  text: [{ text: "Bees" }, "read"],
  image: [{ source: { type: "base64", media_type: "image/png", data: png } }, "has no projector"],
  document: [{ source: pdf, title: "a" }, "messages.0.content.1.source"],
  search_result: [{ title: "t", source: "s", content: [{ type: "text", text: "Bees" }] }, "read"],
  thinking: [{ thinking: "Hm", signature: "" }, "read"],
  redacted_thinking: [{ data: "x" }, "messages.0.content.1"],
  tool_use: [{ id: "c", name: "f", input: {} }, "messages.0.content.1.type"],
  tool_result: [{ tool_use_id: "c", content: [{ type: "document", source: pdf }] }, "read"],
  server_tool_use: [{ id: "c", name: "web_search", input: { query: "q" } }, "messages.0.content.1.type"],
  web_search_tool_result: [
    { tool_use_id: "c", content: [{ type: "web_search_result", title: "Bees", url: "u" }] },
    "read",
  ],
  web_fetch_tool_result: [
    { tool_use_id: "c", content: { type: "web_fetch_result", url: "u", content: { type: "document", source: pdf } } },
    "read",
  ],
  code_execution_tool_result: [{ tool_use_id: "c", content: { type: "code_execution_result", stdout: "1" } }, "read"],
  bash_code_execution_tool_result: [
    { tool_use_id: "c", content: { type: "bash_code_execution_result", stdout: "1" } },
    "read",
  ],
  text_editor_code_execution_tool_result: [{ tool_use_id: "c", content: { type: "x", content: "line" } }, "read"],
  tool_search_tool_result: [
    { tool_use_id: "c", content: { type: "x", tool_references: [{ tool_name: "t" }] } },
    "read",
  ],
  advisor_tool_result: [{ tool_use_id: "c", content: { type: "advisor_result", text: "Do" } }, "read"],
  mcp_tool_use: [{ id: "c", name: "t", server_name: "s", input: {} }, "messages.0.content.1.type"],
  mcp_tool_result: [{ tool_use_id: "c", content: "Bees" }, "read"],
  container_upload: [{ file_id: "f" }, "messages.0.content.1.type"],
  compaction: [{ content: "All was well." }, "read"],
  tool_addition: [{ tool: { type: "tool_reference", name: "t" } }, "messages.0.content.1.type"],
  tool_removal: [{ tool: { type: "tool_reference", name: "t" } }, "messages.0.content.1.type"],
  mcp_tool_listing: [{ mcp_server_name: "s", tools: [{ name: "t" }] }, "messages.0.content.1.type"],
  fallback: [{ from: { model: "a" }, to: { model: "b" } }, "messages.0.content.1.type"],
};

type ResponseParts = OpenAI.Responses.ResponseInputContent["type"];
const responseParts: Rows<ResponseParts> = {
  input_text: [{ text: "Bees" }, "read"],
  input_image: [{ image_url: `data:image/png;base64,${png}` }, "has no projector"],
  input_file: [{ filename: "a.txt", file_data: "data:text/plain;base64,QmVlcw==" }, "read"],
};
type AssistantPart = Exclude<OpenAI.ChatCompletionAssistantMessageParam["content"], string | null | undefined>[number];
type ChatParts = OpenAI.ChatCompletionContentPart["type"] | AssistantPart["type"];
const chatParts: Rows<ChatParts> = {
  text: [{ text: "Bees" }, "read"],
  image_url: [{ image_url: { url: `data:image/png;base64,${png}` } }, "has no projector"],
  input_audio: [{ input_audio: { data: "x", format: "wav" } }, "messages.0.content.1.type"],
  file: [{ file: { file_id: "f", filename: "a.pdf" } }, "messages.0.content.1.file"],
  refusal: [{ refusal: "No" }, "read"],
};
const chatRoles: Rows<OpenAI.ChatCompletionMessageParam["role"]> = {
  developer: [{ content: "Bees" }, "read"],
  system: [{ content: "Bees" }, "read"],
  user: [{ content: "Bees" }, "read"],
  assistant: [{ content: null, audio: { id: "a" } }, "read"],
  tool: [{ content: "Bees", tool_call_id: "c" }, "read"],
  function: [{ content: "Bees", name: "f" }, "read"],
};
const chatCalls: Rows<OpenAI.ChatCompletionMessageToolCall["type"]> = {
  function: [{ id: "c", function: { name: "f", arguments: "no JSON" } }, "read"],
  custom: [{ id: "c", custom: { name: "f", input: "x" } }, "read"],
};
const ollamaFields: Readonly<Record<keyof OllamaMessage, Row>> = {
  role: [{ role: "system", content: "Bees" }, "read"],
  content: [{ role: "user", content: "Bees" }, "read"],
  thinking: [{ role: "assistant", content: "Bees", thinking: "Hm" }, "read"],
  images: [{ role: "user", content: "", images: [png] }, "has no projector"],
  tool_calls: [{ role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: "x" } }] }, "read"],
  tool_name: [{ role: "tool", content: "Bees", tool_name: "f" }, "read"],
};

const own = "send it as a function or a custom tool";
const responseTools: Rows<OpenAI.Responses.Tool["type"]> = {
  function: [tool, "read"],
  custom: [{ name: "f" }, "read"],
  namespace: [{ name: "n", description: "", tools: [tool] }, "read"],
  mcp: [{ server_label: "s" }, "tools.0.server_label"],
  local_shell: [{}, own],
  shell: [{}, own],
  apply_patch: [{}, own],
  computer: [{}, own],
  computer_use_preview: [{ display_width: 1, display_height: 1, environment: "browser" }, own],
  file_search: [{ vector_store_ids: [] }, "ignored"],
  web_search: [{}, "ignored"],
  web_search_2025_08_26: [{}, "ignored"],
  web_search_preview: [{}, "ignored"],
  web_search_preview_2025_03_11: [{}, "ignored"],
  code_interpreter: [{ container: "c" }, "ignored"],
  image_generation: [{}, "ignored"],
  tool_search: [{}, "ignored"],
  programmatic_tool_calling: [{}, "ignored"],
};
const chatTools: Rows<OpenAI.ChatCompletionTool["type"]> = {
  function: [{ function: { name: "f" } }, "read"],
  custom: [{ custom: { name: "f" } }, "tools.0.type"],
};
const each = (rows: Readonly<Record<string, Row>>) =>
  Object.entries(rows).map(([type, row]) => [type, ...row] as const);
const answer = { role: "assistant", content: "Yes" };

test.each(each(items))("an input item of type %s is read or not", async (type, item, fate) => {
  await expectFate(fate, counted.responses([user]), counted.responses([user, { type, ...item }]));
});

describe.each([
  ["Responses", responseParts, counted.responses],
  ["chat", chatParts, counted.chat],
  ["Anthropic", blocks, counted.messages],
] as const)("%s: a part of a user message", (_, rows, count) => {
  test.each(each(rows))("of type %s is read, except maybe in the last turn", async (type, part, fate) => {
    const text = { type: rows === responseParts ? "input_text" : "text", text: "Hi" };
    const plain = { role: "user", content: [text] };
    const parts = { role: "user", content: [text, { type, ...part }] };
    await expectFate(fate, count([plain]), count([parts]));
    await expectFate("read", count([plain, answer, user]), count([parts, answer, user]));
  });
});

test.each(each(blocks))("a block of type %s in the assistant's message is read", async (type, block) => {
  const said = {
    role: "assistant",
    content: [
      { type: "text", text: "Yes" },
      { type, ...block },
    ],
  };
  // The template leaves out thoughts before the user's last message.
  const after = type.includes("thinking") ? [] : [user];
  await expectFate("read", counted.messages([user, answer, ...after]), counted.messages([user, said, ...after]));
});

test.each(each(chatRoles))("a chat message of role %s is read", async (role, message, fate) => {
  await expectFate(fate, counted.chat([user]), counted.chat([user, { role, ...message }]));
});
test.each(each(chatCalls))("a chat call of type %s is read", async (type, call, fate) => {
  const calling = { role: "assistant", content: null, tool_calls: [{ type, ...call }] };
  await expectFate(fate, counted.chat([user]), counted.chat([user, calling]));
});
test.each(each(ollamaFields))("Ollama's field %s is read or refused", async (_, message, fate) => {
  await expectFate(fate, counted.ollama([user]), counted.ollama([user, message]));
});

test.each(each(responseTools))("a tool of Responses of type %s is read or not", async (type, given, fate) => {
  const more = { tools: [{ type, ...given }] };
  await expectFate(fate, counted.responses([user]), counted.responses([user], more));
});
test.each(each(chatTools))("a tool of chat of type %s is read or not", async (type, given, fate) => {
  await expectFate(fate, counted.chat([user]), counted.chat([user], { tools: [{ type, ...given }] }));
});
