// Owns the SDKs that are tested in the versions that need Node 22: each one runs a script in a separate process, as an agent does. The script
// asks the question, runs the tool that the model calls, and prints the text; or it asks for decisions, one of which has the word among its
// options, or for a batch whose first line has the word as its id, and prints the word of the response. Older versions, which run on Node 20, are in tests/.
import type { ClientPlace, ClientStart } from "./clients.ts";

export interface Sdk {
  readonly name: string;
  readonly title: string;
  readonly packages: readonly [string, ...string[]];
  /** The route of both requests, or of the request for decisions. */
  readonly path: string;
  /** Undefined for an SDK that calls a tool. */
  readonly kind?: "decisions" | "batches";
  /** The script after the beginning of all scripts of its kind. */
  readonly script: string;
}

/** The tool of the scripts, without arguments. */
export const sdkTool = "read_word";
const scriptFile = "sdk.mjs";

const shared = `import { readFileSync } from "node:fs";
const { WAGGLE_URL: url, WAGGLE_TOKEN: apiKey, WAGGLE_MODEL: model, QUESTION: question, WORD_FILE: file } = process.env;
const readWord = () => readFileSync(file, "utf8");
`;

const withTool = `${shared}const name = ${JSON.stringify(sdkTool)};
const description = "Reads the file.";
const parameters = { type: "object", properties: {} };
`;

/** \`show\` ends the script. @param probabilities the options of a choice, whose first one is the word, and those of a score */
const withDecisions = `${shared}const word = readWord().trim();
const state = { parcel: "It arrived wet." };
const wet = "Is the parcel wet?";
const grades = ["calm", "cross", "furious"];
function show(probability, choice, score) {
  const sums = [choice, score].map((one) => Object.values(one).reduce((sum, value) => sum + value, 0));
  const isSound = probability >= 0 && probability <= 1 && sums.every((sum) => Math.abs(sum - 1) < 1e-9);
  if (!isSound || Object.keys(score).length !== grades.length) throw new Error(JSON.stringify({ probability, choice, score }));
  console.log("The word is " + Object.keys(choice)[0] + ".");
}
`;

/** \`poll\` asks until the batch is so. \`lines\` are those of a batch that ends, and of one that is cancelled. */
const withBatches = `${shared}import { createReadStream, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
const word = readWord().trim();
const lines = [[word, "second", "third"], Array.from({ length: 400 }, (_, index) => "line-" + index)];
const body = { model, max_tokens: 4, messages: [{ role: "user", content: question }] };
async function poll(ask, isSo) {
  for (;;) {
    const batch = await ask();
    if (isSo(batch)) return batch;
    await sleep(100);
  }
}
async function checkPages(list, count) {
  for (const limit of [1, 2, 100]) {
    const ids = new Set();
    for await (const { id } of list(limit)) ids.add(id);
    if (ids.size !== count) throw new Error("Pages of " + limit + " have " + ids.size + " batches");
  }
}
function show(ids) {
  if (ids.toSorted().join() !== lines[0].toSorted().join()) throw new Error("Results of " + ids.join());
  console.log("The word is " + ids.find((id) => id === word) + ".");
}
`;

const beginnings = { decisions: withDecisions, batches: withBatches } as const;

const openAiBatches = `import OpenAI from "openai";
const client = new OpenAI({ baseURL: url + "/v1", apiKey, maxRetries: 0 });
const endpoint = "/v1/chat/completions";
async function create(ids) {
  writeFileSync("lines.jsonl", ids.map((custom_id) => JSON.stringify({ custom_id, method: "POST", url: endpoint, body })).join("\\n"));
  const file = await client.files.create({ file: createReadStream("lines.jsonl"), purpose: "batch" });
  await client.files.waitForProcessing(file.id);
  return await client.batches.create({ input_file_id: file.id, endpoint, completion_window: "24h", metadata: { first: ids[0] } });
}
const [second, first] = [await create(lines[1]), await create(lines[0])];
const cancelled = await client.batches.cancel(second.id);
if (cancelled.cancelling_at === null) throw new Error("The batch is not cancelled");
await poll(() => client.batches.retrieve(second.id), ({ status }) => status === "cancelled");
const batch = await poll(() => client.batches.retrieve(first.id), ({ status }) => status === "completed");
await checkPages((limit) => client.batches.list({ limit }), 2);
const text = await (await client.files.content(batch.output_file_id)).text();
await client.files.delete(batch.output_file_id);
show(text.trim().split("\\n").map((line) => JSON.parse(line).custom_id));
`;

const anthropicBatches = `import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const { batches } = client.messages;
const create = (ids) => batches.create({ requests: ids.map((custom_id) => ({ custom_id, params: body })) });
const [second, first] = [await create(lines[1]), await create(lines[0])];
await batches.cancel(second.id);
const isOver = ({ processing_status: status }) => status === "ended";
for (const { id } of [first, second]) await poll(() => batches.retrieve(id), isOver);
await checkPages((limit) => batches.list({ limit }), 2);
const results = [];
for await (const { custom_id, result } of await batches.results(first.id)) {
  if (result.type !== "succeeded") throw new Error(JSON.stringify(result));
  results.push(custom_id);
}
await batches.delete(first.id);
show(results);
`;

const openAi = `import OpenAI from "openai";
const client = new OpenAI({ baseURL: url + "/v1", apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: question }];
const tools = [{ type: "function", function: { name, description, parameters } }];
const ask = () => client.chat.completions.stream({ model, messages, tools }).finalMessage();
const first = await ask();
messages.push(first, { role: "tool", tool_call_id: first.tool_calls[0].id, content: readWord() });
console.log((await ask()).content);
`;

const aiSdk = (create: string): string => `import { jsonSchema, streamText, tool } from "ai";
${create}
const inputSchema = jsonSchema(parameters);
const tools = { [name]: tool({ description, inputSchema, execute: async () => readWord() }) };
const stopWhen = ({ steps }) => steps.length > 2;
const result = streamText({ model: provider(model), prompt: question, tools, stopWhen, maxRetries: 0 });
let text = "";
for await (const piece of result.textStream) text += piece;
console.log(text.trim());
`;

const agents = `import { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
setTracingDisabled(true);
setOpenAIAPI("chat_completions");
setDefaultOpenAIClient(new OpenAI({ baseURL: url + "/v1", apiKey, maxRetries: 0 }));
const tools = [tool({ name, description, parameters: z.object({}), execute: async () => readWord() })];
const result = await run(new Agent({ name: "reader", instructions: "Be brief.", model, tools }), question, { stream: true });
for await (const _ of result);
await result.completed;
console.log(result.finalOutput);
`;

const langChain = `import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
const plain = new ChatOpenAI({ model, apiKey, maxRetries: 0, configuration: { baseURL: url + "/v1" } });
const llm = plain.bindTools([{ type: "function", function: { name, description, parameters } }]);
const messages = [new HumanMessage(question)];
// \`invoke\` would fetch a tokenizer, and count the tokens once more.
async function ask() {
  let answer;
  for await (const piece of await llm.stream(messages)) answer = answer?.concat(piece) ?? piece;
  return answer;
}
const first = await ask();
messages.push(first, new ToolMessage({ content: readWord(), tool_call_id: first.tool_calls[0].id }));
console.log((await ask()).text);
`;

const openAiDecisions = `import OpenAI from "openai";
const client = new OpenAI({ baseURL: url + "/v1", apiKey, maxRetries: 0 });
const input = [{ role: "user", content: [{ type: "input_json", data: state }] }];
const questions = [
  { type: "predicate", name: "wet", instructions: wet },
  { type: "choice", instructions: question, choices: [{ value: word, description: "A word." }, { value: true }] },
  { type: "score", instructions: "How angry is it?", levels: grades.map((label) => ({ label })) },
];
const { answers: [predicate, choice, score] } = await client.decisions.create({ model, input, questions });
const byValue = ({ probabilities }) => Object.fromEntries(probabilities.map(({ value, probability }) => [value, probability]));
show(predicate.probability, byValue(choice), byValue(score));
`;

/** @param yesOrNo the type of a question for yes or no */
const systemOneQuestions = (yesOrNo: string): string => `const questions = {
  wet: { type: "${yesOrNo}", instructions: wet },
  word: { type: "choice", instructions: question, criteria: { [word]: "A word.", other: null } },
  anger: { type: "score", instructions: "How angry is it?", criteria: grades },
};
`;

const typeSafe = `import { TypeSafeClient } from "@typesafe-ai/sdk";
const client = new TypeSafeClient({ baseURL: url, apiKey, defaultModel: model, retry: { maxRetries: 0 } });
if (!(await client.models.list()).some(({ name }) => name === model)) throw new Error("The model is not listed");
${systemOneQuestions("noul")}const { answers } = await client.systemOne({ state, questions });
show(answers.wet.noul, answers.word.probabilities, answers.anger.probabilities);
`;

const aiSdkDecisions = `import { createTypeSafeAi } from "@ai-sdk/typesafe-ai";
import { experimental_evaluate } from "ai";
const evaluator = createTypeSafeAi({ baseURL: url + "/v1", apiKey }).evaluationModel(model);
${systemOneQuestions("boolean")}const { answers } = await experimental_evaluate({ model: evaluator, state, questions, maxRetries: 0 });
show(answers.wet.probability, answers.word.probabilities, answers.anger.probabilities);
`;

const ai = "ai@7.0.173";
const openAiPackage = "openai@7.59.0";
const chat = "/v1/chat/completions";

export const sdks: readonly Sdk[] = [
  { name: "openai-sdk", title: "OpenAI SDK", packages: [openAiPackage], path: chat, script: openAi },
  {
    ...{ name: "ai-sdk", title: "AI SDK", packages: [ai, "@ai-sdk/openai-compatible@3.0.92"], path: chat },
    script: aiSdk(`import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
const provider = createOpenAICompatible({ name: "waggle", baseURL: url + "/v1", apiKey });`),
  },
  {
    ...{ name: "ai-sdk-responses", title: "AI SDK, Responses", packages: [ai, "@ai-sdk/openai@4.0.118"] },
    path: "/v1/responses",
    script: aiSdk(`import { createOpenAI } from "@ai-sdk/openai";
const provider = createOpenAI({ baseURL: url + "/v1", apiKey });`),
  },
  {
    ...{ name: "ai-sdk-anthropic", title: "AI SDK, Anthropic", packages: [ai, "@ai-sdk/anthropic@4.0.105"] },
    path: "/v1/messages",
    script: aiSdk(`import { createAnthropic } from "@ai-sdk/anthropic";
const provider = createAnthropic({ baseURL: url + "/v1", apiKey });`),
  },
  {
    ...{ name: "openai-agents", title: "OpenAI Agents", path: chat, script: agents },
    packages: ["@openai/agents@0.20.0", "openai@7.57.0", "zod@4.6.7"],
  },
  {
    ...{ name: "langchain", title: "LangChain", path: chat, script: langChain },
    packages: ["@langchain/openai@1.6.0", "@langchain/core@1.4.0"],
  },
  {
    ...{ name: "openai-decisions", title: "OpenAI SDK, decisions", packages: [openAiPackage] },
    ...{ path: "/v1/decisions", kind: "decisions", script: openAiDecisions },
  },
  {
    ...{ name: "typesafe", title: "TypeSafe SDK", packages: ["@typesafe-ai/sdk@0.6.0"] },
    ...{ path: "/v1/systemone", kind: "decisions", script: typeSafe },
  },
  {
    ...{ name: "ai-sdk-decisions", title: "AI SDK, decisions", packages: [ai, "@ai-sdk/typesafe-ai@3.0.0"] },
    ...{ path: "/v1/systemone", kind: "decisions", script: aiSdkDecisions },
  },
  {
    ...{ name: "openai-batches", title: "OpenAI SDK, batches", packages: [openAiPackage] },
    ...{ path: "/v1/batches", kind: "batches", script: openAiBatches },
  },
  {
    ...{ name: "anthropic-batches", title: "Anthropic SDK, batches", packages: ["@anthropic-ai/sdk@1.14.0"] },
    ...{ path: "/v1/messages/batches", kind: "batches", script: anthropicBatches },
  },
];

/** @param asking the question and the file that the tool reads */
export function sdkStart(
  place: ClientPlace,
  asking: { readonly question: string; readonly file: string },
): ClientStart {
  const env = { WAGGLE_URL: place.url, WAGGLE_TOKEN: place.token, WAGGLE_MODEL: place.model };
  return { args: [scriptFile], env: { ...env, QUESTION: asking.question, WORD_FILE: asking.file } };
}

/** The files of the working folder. */
export function sdkFiles({ script, kind }: Sdk): Readonly<Record<string, string>> {
  return { [scriptFile]: `${kind === undefined ? withTool : beginnings[kind]}${script}` };
}
