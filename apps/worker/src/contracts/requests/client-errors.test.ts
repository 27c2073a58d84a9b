// Compares errors with what clients search for in them, so that clients shorten a conversation, wait, or report a wrong key or model.
// The words and fields are those that the sources of the named clients read; the expressions are ours.
import { createTokenTable, noQuota } from "@waggle/daemon/tokens";
import { expect, test } from "vitest";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start: startWorker, call, post, get } = useInlineWorker();

/** An error as a client sees it. */
interface Seen {
  readonly status: number;
  readonly headers: Headers;
  /** The whole body, or the data of the stream's last event. */
  readonly body: string;
  readonly message: string;
  readonly code: unknown;
  readonly type: unknown;
}

const long = "word ".repeat(200);
const messages = [{ role: "user", content: long }];
const routes = {
  chat: ["/v1/chat/completions", { messages }],
  "chat, streamed": ["/v1/chat/completions", { messages, stream: true }],
  completions: ["/v1/completions", { prompt: long }],
  responses: ["/v1/responses", { input: long }],
  "responses, streamed": ["/v1/responses", { input: long, stream: true }],
  embeddings: ["/v1/embeddings", { input: long }],
  messages: ["/v1/messages", { messages, max_tokens: 9 }],
  "messages, streamed": ["/v1/messages", { messages, max_tokens: 9, stream: true }],
  "api/chat": ["/api/chat", { model: "waggle-fake", messages }],
  "api/embed": ["/api/embed", { model: "waggle-fake", input: long, truncate: false }],
  completion: ["/completion", { prompt: long }],
  "completion, streamed": ["/completion", { prompt: long, stream: true }],
  rerank: ["/v1/rerank", { query: "word", documents: [long], truncate: false }],
  "rerank, cut": ["/v1/rerank", { query: long, documents: ["word"] }],
  native: ["/v1/inference", { prompt: long }],
} as const;
type RouteName = keyof typeof routes;

const alice = { authorization: "Bearer alice-token-1" };

async function ask(name: RouteName, headers = alice): Promise<Seen> {
  const [path, body] = routes[name];
  return await seenIn(await post(path, body, headers));
}

async function seenIn(response: Response): Promise<Seen> {
  const text = await response.text().catch(() => "");
  const body = text.startsWith("{") ? text : (/data: (.*)\n\n$/.exec(text)?.[1] ?? text);
  const json = JSON.parse(body) as { error?: unknown; response?: { error: unknown } };
  const error = json.response?.error ?? json.error;
  const fields = typeof error === "string" ? { message: error } : (error as Record<string, unknown>);
  const { message, code, type } = fields as { message: string; code?: unknown; type?: unknown };
  return { status: response.status, headers: response.headers, body, message, code, type };
}

type Matcher = (seen: Seen) => boolean;
const says =
  (...words: readonly RegExp[]): Matcher =>
  ({ message }) =>
    words.every((word) => word.test(message));
const llamaCounts: Matcher = ({ message, body }) =>
  /exceed_context_size_error|exceeds the available context size/.test(body) &&
  /"n_prompt_tokens":\d+|request \(\d+ tokens\)/.test(body) &&
  /"n_ctx":\d+|context size \(\d+ tokens\)/.test(body + message);

const openAi = ["chat", "chat, streamed", "completions", "embeddings", "responses", "responses, streamed"] as const;
const overflow: readonly (readonly [what: string, Matcher, readonly RouteName[]])[] = [
  // openclaw, hermes-agent, pi, Roo Code, Qwen Code, Continue, litellm (aider, OpenHands), Crush and goose read parts of it.
  ["OpenAI's counts", says(/this model's maximum context length is \d+ tokens[^]*resulted in \d+ tokens/i), openAi],
  // Cline, opencode and LangChain.
  ["OpenAI's code", ({ code }) => code === "context_length_exceeded", openAi],
  ["LangChain's words", says(/exceeds the context window/), ["chat", "embeddings", "responses"]],
  ["the words of Jan", says(/the request exceeds the available context size\./), ["chat", "chat, streamed"]],
  ["Roo Code's status", ({ status }) => status === 400, ["chat", "messages"]],
  // Codex takes an error with status 400 for a wrong request.
  [
    "Codex's failure",
    ({ status, body }) => status === 200 && body.includes('"type":"response.failed"'),
    ["responses, streamed"],
  ],
  // Claude Code, openclaw, hermes-agent, pi, opencode, Roo Code, LangChain, Crush, Zed and goose.
  ["Anthropic's counts", says(/^prompt is too long: \d+ tokens > \d+ maximum/i), ["messages", "messages, streamed"]],
  ["Anthropic's type, for Cline", ({ type }) => type === "invalid_request_error", ["messages"]],
  ["llama-server's counts", llamaCounts, ["chat", "completion", "completion, streamed", "embeddings"]],
  // openclaw, hermes-agent and goose too.
  ["Ollama's words", says(/input length exceeds the context length/), ["api/chat", "api/embed"]],
  [
    "the code and the length of rerankers",
    ({ code, body }) => code === "context_length_exceeded" && body.includes('"n_ctx":'),
    ["rerank", "rerank, cut"],
  ],
  ["native details", ({ body }) => /"details":\{"n_prompt_tokens":\d+,"n_ctx":\d+\}/.test(body), ["native"]],
];
const overflowRows = overflow.flatMap(([what, matcher, names]) => names.map((name) => [what, name, matcher] as const));

function start(name: RouteName, options: InlineWorkerOptions = {}): void {
  const tokens = createTokenTable([
    { name: "alice", token: "alice-token-1", admin: true },
    { name: "bob", token: "bob-token-22", quota: { ...noQuota, requestsPerMinute: 0 } },
  ]);
  const fake = { kind: name.startsWith("rerank") ? "rerank" : "generate" } as const;
  startWorker({ contextSize: 64, fake, access: { localMode: false, tokens: () => tokens }, ...options });
}

test.each(overflowRows)("a text that is too long has %s on the route %s", async (_, name, matcher) => {
  start(name);
  const seen = await ask(name);
  expect([matcher(seen), seen.body]).toEqual([true, seen.body]);
});

const lateRoutes = [
  "chat, streamed",
  "responses, streamed",
  "messages, streamed",
  "completion, streamed",
  "native",
] as const;
const lateRows = overflowRows.filter(([, name]) => (lateRoutes as readonly RouteName[]).includes(name));

test.each(lateRows)("it has %s on the route %s also when the answer has begun", async (_, name, matcher) => {
  start(name, { loadLater: true });
  const seen = ask(name);
  await Promise.resolve();
  worker.load();
  const { body, ...rest } = await seen;
  expect([matcher({ ...rest, body }), body]).toEqual([true, body]);
});

/** Errors other than an overflow: how they are caused, and how a client sees them. */
const others = {
  "a used-up quota": async (name: RouteName) => {
    start(name);
    return await ask(name, { authorization: "Bearer bob-token-22" });
  },
  "a wrong key": async (name: RouteName) => {
    start(name);
    return await ask(name, { authorization: "Bearer wrong" });
  },
  "a body that is too large": async (name: RouteName) => {
    start(name, { maxBodyBytes: 99 });
    return await ask(name);
  },
  "a draining worker": async (name: RouteName) => {
    start(name);
    await call("POST", "/v1/drain", undefined, alice);
    return await ask(name);
  },
} as const;
type Other = keyof typeof others;

const retryTime: Matcher = ({ headers }) => Number(headers.get("retry-after")) > 0;
const status =
  (wanted: number, ...more: readonly Matcher[]): Matcher =>
  (seen) =>
    seen.status === wanted && more.every((matcher) => matcher(seen));
const inBody =
  (word: RegExp): Matcher =>
  ({ body }) =>
    word.test(body);
const otherRows: readonly (readonly [client: string, Other, RouteName, Matcher])[] = [
  ["SDKs", "a used-up quota", "chat", status(429, retryTime)],
  // opencode and openclaw read the code or the type.
  ["OpenAI's codes", "a used-up quota", "chat, streamed", ({ code }) => code === "rate_limit_exceeded"],
  ["OpenAI's codes", "a used-up quota", "responses", ({ code }) => code === "rate_limit_exceeded"],
  [
    "Anthropic's types",
    "a used-up quota",
    "messages",
    status(429, retryTime, ({ type }) => type === "rate_limit_error"),
  ],
  ["hermes-agent, openclaw", "a wrong key", "chat", status(401, says(/invalid api key/i))],
  ["OpenAI's codes", "a wrong key", "embeddings", ({ code }) => code === "invalid_api_key"],
  ["Claude Code", "a wrong key", "messages", status(401, says(/x-api-key/i))],
  ["clients of Ollama", "a wrong key", "api/chat", status(401)],
  ["SDKs", "a body that is too large", "chat", status(413)],
  ["Claude Code", "a body that is too large", "messages", status(413, inBody(/request_too_large/))],
  ["SDKs", "a draining worker", "chat", status(503, retryTime)],
  ["Claude Code", "a draining worker", "messages", inBody(/"type":"overloaded_error"/)],
];

test.each(otherRows)("%s: %s is recognized on the route %s", async (_, kind, name, matcher) => {
  const seen = await others[kind](name);
  expect([matcher(seen), seen.body]).toEqual([true, seen.body]);
});

test.each(Object.entries(others))("%s is not taken for a text that is too long", async (_, make) => {
  for (const [what, name, matcher] of overflowRows) {
    // Cline takes any invalid_request_error of Anthropic's API for one, and Roo Code reads the words too.
    if (what.startsWith("Anthropic's type") || what.startsWith("Roo")) continue;
    const seen = await make(name);
    await worker.close();
    expect([what, name, matcher(seen), seen.body]).toEqual([what, name, false, seen.body]);
  }
});

test("an unknown model has OpenAI's code, and the words that clients search for", async () => {
  start("chat");
  const { status: found, code, message } = await seenIn(await get("/v1/models/wasp", alice));
  expect([found, code, message]).toEqual([404, "model_not_found", expect.stringMatching(/model.*does not exist/)]);
});
