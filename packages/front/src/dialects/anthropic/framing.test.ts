import type { Job } from "@waggle/jobs";
import { AnthropicEventSchema, WaggleError } from "@waggle/protocol";
import type { AnthropicEvent, EndEvent, StartedEvent, TokenEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import type { Framing } from "../../generation/dialect.ts";
import { anthropicCollector } from "./collector.ts";
import { anthropicFraming } from "./framing.ts";

const job = { id: "job-7", callKey: "k" } as Job;
const started: StartedEvent = {
  ...{ type: "started", stream_id: "job-7", model: "m", queue_ms: 0 },
  ...{ prompt_tokens: 10, cached_tokens: 4 },
};
const end: EndEvent = {
  ...{ type: "end", stream_id: "job-7", finish_reason: "stop", stopped_by: "end" },
  usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, cached_tokens: 4 },
  timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
};
const usage = { input_tokens: 6, cache_creation_input_tokens: 0, cache_read_input_tokens: 4, output_tokens: 3 };

function token(part: TokenEvent["part"], text: string, name?: string): TokenEvent {
  const call = name === undefined ? {} : { call: { index: 0, id: "0", name } };
  return { type: "token", stream_id: "job-7", index: 0, text, t_ms: 0, part, ...call };
}
const said = [
  token("reasoning", "Hm"),
  token("reasoning", "."),
  token("content", "Look"),
  token(undefined, ":"),
  token("call", "", "weather"),
  token("arguments", '{"city":'),
  token("arguments", '"Bern"}'),
  token("call", "", "clock"),
  token("arguments", "{}"),
  token("content", ""),
];

function open(opening: "thinking" | "text" = "text") {
  const clock = createFakeClock();
  return {
    clock,
    framing: anthropicFraming(job, { model: "m", requestId: "r", opening, clock, pingIntervalMs: 1_000 }),
  };
}

/** The events of a text for the wire. Each has its own name, without which clients drop it. */
function eventsOf(text: string): AnthropicEvent[] {
  return text
    .split("\n\n")
    .filter((frame) => frame !== "" && !frame.startsWith(":"))
    .map((frame) => {
      const [, name, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? [];
      const event = AnthropicEventSchema.parse(JSON.parse(data));
      expect(event.type).toBe(name);
      return event;
    });
}

/** As Anthropic's client puts a message together; throws where it would lose something. */
function messageOf(events: readonly AnthropicEvent[]) {
  const content: { type: string; said: string }[] = [];
  let isOpen = false;
  let stop: object = {};
  expect(events[0]?.type).toBe("message_start");
  expect(events.at(-1)?.type).toBe("message_stop");
  for (const event of events) {
    if (event.type === "content_block_start") {
      expect([isOpen, event.index]).toEqual([false, content.length]);
      isOpen = true;
      content.push({ type: event.content_block.type, said: "" });
    }
    if (event.type === "content_block_delta") {
      expect([isOpen, event.index]).toEqual([true, content.length - 1]);
      const block = content[event.index] as { said: string };
      const [text] = Object.values(event.delta).filter((value) => value !== event.delta.type);
      block.said += text as string;
    }
    if (event.type === "content_block_stop") {
      expect([isOpen, event.index]).toEqual([true, content.length - 1]);
      isOpen = false;
    }
    if (event.type === "message_delta") stop = { ...event.delta, usage: event.usage };
  }
  expect(isOpen).toBe(false);
  return { content, stop };
}

const frames = (framing: Framing, tokens: readonly TokenEvent[]): string =>
  tokens.map((each) => framing.frame(each)).join("");

describe("a streamed answer", () => {
  test("has its counts first and last, and blocks one after the other", () => {
    const { framing } = open();
    const events = eventsOf(framing.frame(started) + frames(framing, said) + framing.frameEnd(end));
    expect(events[0]).toMatchObject({
      message: { id: "msg_7", model: "m", role: "assistant", content: [], usage: { ...usage, output_tokens: 0 } },
    });
    expect(messageOf(events)).toEqual({
      content: [
        { type: "thinking", said: "Hm." },
        { type: "text", said: "Look:" },
        { type: "tool_use", said: '{"city":"Bern"}' },
        { type: "tool_use", said: "{}" },
      ],
      stop: { stop_reason: "tool_use", stop_sequence: null, usage },
    });
    const begun = events.flatMap((event) => (event.type === "content_block_start" ? [event.content_block] : []));
    expect(begun).toEqual([
      { type: "thinking", thinking: "", signature: "" },
      { type: "text", text: "" },
      { type: "tool_use", id: "toolu_k_0", name: "weather", input: {} },
      { type: "tool_use", id: "toolu_k_1", name: "clock", input: {} },
    ]);
  });

  test("signs a thought when it is over, and nothing else", () => {
    const { framing } = open();
    const events = eventsOf(framing.frame(started) + frames(framing, said) + framing.frameEnd(end));
    const kinds = events.map((event) => (event.type === "content_block_delta" ? event.delta.type : event.type));
    const signature = kinds.indexOf("signature_delta");
    expect(kinds.slice(signature - 1, signature + 2)).toEqual([
      "thinking_delta",
      "signature_delta",
      "content_block_stop",
    ]);
    expect(events[signature]).toMatchObject({ index: 0, delta: { signature: "" } });
    expect(kinds.lastIndexOf("thinking_delta")).toBe(signature - 1);
    expect(kinds.lastIndexOf("signature_delta")).toBe(signature);
  });

  test("is the same message as a whole one", () => {
    const collector = anthropicCollector(job, "m");
    for (const each of said) collector.add(each);
    expect(collector.body(end)).toEqual({
      ...{ id: "msg_7", type: "message", role: "assistant", model: "m" },
      content: [
        { type: "thinking", thinking: "Hm.", signature: "" },
        { type: "text", text: "Look:" },
        { type: "tool_use", id: "toolu_k_0", name: "weather", input: { city: "Bern" } },
        { type: "tool_use", id: "toolu_k_1", name: "clock", input: {} },
      ],
      ...{ stop_reason: "tool_use", stop_sequence: null, usage },
    });
  });

  test("that breaks off says why", () => {
    const { framing } = open();
    const [event] = eventsOf(framing.frameError(new WaggleError("engine_failed", "It died.")));
    expect(event).toEqual({ type: "error", error: { type: "api_error", message: "It died." }, request_id: "r" });
  });
});

describe("the reason to stop", () => {
  const cut = { role: "assistant", content: null, tool_calls: [{ cut: true }] } as unknown as EndEvent["message"];
  test.each<[Partial<EndEvent>, readonly TokenEvent[], object]>([
    [{}, [], { stop_reason: "end_turn", stop_sequence: null }],
    [{ stopped_by: "max_tokens" }, said, { stop_reason: "max_tokens" }],
    [{ stopped_by: "repetition" }, [], { stop_reason: "max_tokens" }],
    [{ stopped_by: "context" }, [], { stop_reason: "model_context_window_exceeded" }],
    [{ stopped_by: "stop_string", stop_string: "X" }, [], { stop_reason: "stop_sequence", stop_sequence: "X" }],
    [{ message: cut }, said.slice(0, -3), { stop_reason: "max_tokens" }],
  ])("%j", (more, tokens, expected) => {
    const { framing } = open();
    const events = eventsOf(framing.frame(started) + frames(framing, tokens) + framing.frameEnd({ ...end, ...more }));
    expect(messageOf(events).stop).toMatchObject(expected);
    const collector = anthropicCollector(job, "m");
    for (const each of tokens) collector.add(each);
    expect(collector.body({ ...end, ...more })).toMatchObject(expected);
  });

  test("of a call that is cut leaves it without input", () => {
    const collector = anthropicCollector(job, "m");
    for (const each of said.slice(4, 6)) collector.add(each);
    expect(collector.body(end)).toMatchObject({ content: [{ type: "tool_use", name: "weather", input: {} }] });
  });
});

describe("a silent stream", () => {
  const deltas = (text: string) => eventsOf(text).filter(({ type }) => type === "content_block_delta");

  test("says nothing in a delta, before the prompt is known, while it is computed and within each block", () => {
    const { framing } = open("thinking");
    const early = framing.keepAlive("silent");
    expect(deltas(early)).toMatchObject([{ index: 0, delta: { type: "thinking_delta", thinking: "" } }]);
    let text = early + framing.frame(started);
    for (const each of said.slice(0, 6)) {
      text += framing.frame(each);
      const nothing = framing.keepAlive("silent");
      expect(deltas(nothing)).toHaveLength(1);
      text += nothing;
    }
    const events = eventsOf(text + framing.frameEnd(end));
    expect(events.filter(({ type }) => type === "message_start")).toHaveLength(1);
    expect(messageOf(events)).toMatchObject({
      content: [
        { type: "thinking", said: "Hm." },
        { type: "text", said: "Look:" },
        { type: "tool_use", said: '{"city":' },
      ],
      stop: { usage },
    });
  });

  test("ends the block that it began where the answer turns out to be another", () => {
    const { framing } = open("thinking");
    const text = framing.frame(started) + framing.keepAlive("silent") + frames(framing, [token("content", "Hi")]);
    expect(messageOf(eventsOf(text + framing.frameEnd(end))).content).toEqual([
      { type: "thinking", said: "" },
      { type: "text", said: "Hi" },
    ]);
  });

  test("is not begun by what has no frame, unless that is all that comes", () => {
    const { framing, clock } = open();
    expect(framing.keepAlive("unframed")).toMatch(/^: /);
    clock.advance(999);
    expect(framing.keepAlive("unframed")).toMatch(/^: /);
    clock.advance(1);
    expect(deltas(framing.keepAlive("unframed"))).toHaveLength(1);
    clock.advance(999);
    expect(framing.keepAlive("unframed")).toMatch(/^: /);
  });
});
