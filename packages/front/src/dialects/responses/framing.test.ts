import { createSseDecoder } from "@waggle/protocol/sse";
import { describe, expect, test } from "vitest";
import { lastNumberOf, responseFraming } from "./framing.ts";
import { createNumbering } from "./numbering.ts";

type Numbered = [type: string, number: number];

function eventsIn(text: string): Numbered[] {
  const events: Numbered[] = [];
  createSseDecoder(({ data }) => {
    const { type, sequence_number: number } = JSON.parse(data) as { type: string; sequence_number: number };
    events.push([type, number]);
  }).feed(text);
  return events;
}

const numbersIn = (text: string): number[] => eventsIn(text).map(([, number]) => number);
const said = { type: "token" as const, stream_id: "r", index: 0, text: "a", t_ms: 0 };

function makeShape() {
  const head = { id: "r", created_at: 0, tools: [], model: "m", previous_response_id: null };
  return {
    head,
    numbering: createNumbering(),
    key: "k",
    fromFunctionName: (name: string) => ({ type: "function" as const, name }),
  };
}

test("a keepalive has a number, the same in every stream of the response", () => {
  const shape = makeShape();
  const first = responseFraming(shape);
  const told = [
    first.keepAlive("silent"),
    first.keepAlive("silent"),
    first.frame(said),
    first.keepAlive("silent"),
  ].join("");
  const events = eventsIn(told);
  expect(numbersIn(told)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(events.flatMap(([type, number]) => (type === "keepalive" ? [number] : []))).toEqual([2, 6]);
  const second = responseFraming(shape);
  expect(eventsIn(second.frame(said) + second.keepAlive("silent"))).toEqual(events);
  const resumed = responseFraming(shape, 3);
  expect(eventsIn(resumed.frame(said) + resumed.keepAlive("silent"))).toEqual(events.slice(4));
  const log = { terminal: undefined, nextToken: 1, tokensFrom: () => [said] };
  expect(lastNumberOf(shape, log)).toBe(6);
});

test("a stream that is behind another one gives no number away that the other one's next event has", () => {
  const shape = makeShape();
  const [ahead, behind] = [responseFraming(shape), responseFraming(shape)];
  const opening = behind.keepAlive("silent");
  ahead.frame(said);
  const silence = behind.keepAlive("silent");
  expect(silence).toMatch(/^:.*\n\n$/);
  expect(numbersIn(opening + silence + behind.frame(said) + behind.keepAlive("silent"))).toEqual([0, 1, 2, 3, 4, 5]);
});

describe("llama-server's return_progress and timings_per_token", () => {
  const started = {
    type: "started" as const,
    stream_id: "r",
    model: "m",
    prompt_tokens: 8,
    cached_tokens: 2,
    queue_ms: 0,
  };
  const progress = { total: 8, cached: 2, processed: 5, time_ms: 30 };
  const computing = { type: "status" as const, stream_id: "r", status: "thinking" as const, prompt_progress: progress };
  const token = { ...said, ids: [7], t_ms: 40 };

  function jsonIn(text: string): Record<string, unknown>[] {
    const events: Record<string, unknown>[] = [];
    createSseDecoder(({ data }) => events.push(JSON.parse(data) as Record<string, unknown>)).feed(text);
    return events;
  }

  test("response.in_progress says how far the prompt is, and the text that a token adds has its timings", () => {
    const stream = responseFraming(makeShape(), -1, { return_progress: true, timings_per_token: true });
    const events = jsonIn([started, computing, token].map((event) => stream.frame(event)).join(""));
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const told = events.filter((event) => event["prompt_progress"] !== undefined);
    expect(told).toMatchObject([
      { type: "response.in_progress", prompt_progress: { processed: 2 }, timings: { prompt_n: 0 } },
      { type: "response.in_progress", prompt_progress: { processed: 5, total: 8, cache: 2 }, timings: { prompt_n: 3 } },
      { type: "response.in_progress", prompt_progress: { processed: 8 }, timings: { prompt_n: 6, predicted_n: 0 } },
    ]);
    expect(events.at(-1)).toMatchObject({
      type: "response.output_text.delta",
      timings: { cache_n: 2, prompt_n: 6, prompt_ms: 40, predicted_n: 1 },
    });
  });

  test("a report of progress is a sign of life in the response's other streams", () => {
    const shape = makeShape();
    const first = responseFraming(shape, -1, { return_progress: true });
    const told = [started, computing, token].map((event) => first.frame(event)).join("");
    expect(told).not.toContain("timings");
    const again = responseFraming(shape);
    const seen = eventsIn([started, computing, token].map((event) => again.frame(event)).join(""));
    expect(seen.map(([, number]) => number)).toEqual(numbersIn(told));
    expect(seen.slice(2, 5).map(([type]) => type)).toEqual(["keepalive", "keepalive", "keepalive"]);
  });
});
