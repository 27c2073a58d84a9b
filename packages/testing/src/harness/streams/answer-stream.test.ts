import { encodeNdjson } from "@waggle/protocol/sse";
import { describe, expect, test } from "vitest";
import { createAnswerJudge, type AnswerJudge } from "./answer-stream.ts";
import { streamDialects, type StreamDialect } from "./dialects.ts";

/** For each dialect: the frames of a complete answer "Hi", and the frame of an error. */
const framesOf: Readonly<Record<string, { readonly whole: readonly object[]; readonly broken: object }>> = {
  native: {
    whole: [
      { type: "token", text: "Hi" },
      { type: "end", finish_reason: "stop" },
    ],
    broken: { type: "error", code: "engine_failed", message: "gone" },
  },
  "OpenAI chat": {
    whole: [{ choices: [{ delta: { content: "Hi" } }] }, { choices: [{ delta: {}, finish_reason: "stop" }] }],
    broken: { error: { message: "gone" } },
  },
  "OpenAI completions": {
    whole: [{ choices: [{ text: "Hi" }] }, { choices: [{ text: "", finish_reason: "stop" }] }],
    broken: { error: { message: "gone" } },
  },
  Responses: {
    whole: [
      { type: "response.created", response: { status: "in_progress", error: null } },
      { type: "response.output_text.delta", delta: "Hi" },
      { type: "response.completed", response: { status: "completed", error: null } },
    ],
    broken: { type: "response.failed", response: { status: "failed", error: { message: "gone" } } },
  },
  Anthropic: {
    whole: [
      { type: "content_block_delta", delta: { type: "text_delta", text: "Hi" } },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ],
    broken: { type: "error", error: { type: "api_error", message: "gone" } },
  },
  "Ollama chat": {
    whole: [
      { message: { role: "assistant", content: "Hi" }, done: false },
      { message: { role: "assistant", content: "" }, done: true, done_reason: "stop" },
    ],
    broken: { error: "gone" },
  },
  "Ollama generate": {
    whole: [
      { response: "Hi", done: false },
      { response: "", done: true, done_reason: "stop" },
    ],
    broken: { error: "gone" },
  },
  "llama-server": {
    whole: [
      { content: "Hi", stop: false },
      { content: "", stop: true, stop_type: "eos" },
    ],
    broken: { error: { code: 500, message: "gone", type: "server_error" } },
  },
};

function judgeOf(dialect: StreamDialect, frames: readonly (object | string)[]): AnswerJudge {
  const judge = createAnswerJudge(dialect);
  for (const frame of frames) {
    const data = typeof frame === "string" ? frame : encodeNdjson(frame).trim();
    const type = typeof frame !== "string" && "type" in frame ? String(frame.type) : "";
    judge.take({ event: type, data });
  }
  return judge;
}

describe.each(streamDialects.map((dialect) => [dialect.name, dialect] as const))("a stream of %s", (name, dialect) => {
  const { whole = [], broken = {} } = framesOf[name] ?? {};
  const end = dialect.done === undefined ? [] : [dialect.done];

  test("ends without an error, with its text and its finish reason", () => {
    const judge = judgeOf(dialect, [...whole, ...end]);
    expect(judge).toMatchObject({ text: "Hi", ending: "end", error: undefined, problems: [] });
    expect(judge.finish).toBeDefined();
  });

  test("has no end before its last frame", () => {
    expect(judgeOf(dialect, [...whole, ...end].slice(0, -1)).ending).toBeUndefined();
  });

  test("ends with an error", () => {
    expect(judgeOf(dialect, [whole[0] as object, broken])).toMatchObject({
      ...{ ending: "error", error: "gone", finish: undefined, problems: [] },
    });
  });

  test("has a problem with a frame after its end, and with text after its finish reason", () => {
    expect(judgeOf(dialect, [...whole, ...end, broken]).problems.join()).toContain("came after its end");
    expect(judgeOf(dialect, [broken, broken]).problems.join()).toContain("came after its error");
    expect(judgeOf(dialect, [...whole, ...whole]).problems.join()).toContain("Hi came after its finish");
  });
});

test("an empty line, and a frame name that differs from the type, are problems", () => {
  const [ollama, anthropic] = ["Ollama chat", "Anthropic"].map((name) =>
    createAnswerJudge(streamDialects.find((dialect) => dialect.name === name) as StreamDialect),
  );
  ollama?.take({ data: "" });
  anthropic?.take({ data: '{"type":"ping"}' });
  expect(ollama?.problems).toEqual(['"" is no object']);
  expect(anthropic?.problems).toEqual(["ping came under the name "]);
});

test("an end without a finish reason is a problem", () => {
  const chat = streamDialects.find(({ name }) => name === "OpenAI chat") as StreamDialect;
  expect(judgeOf(chat, ["[DONE]"]).problems).toEqual(["it ended without a reason"]);
});
