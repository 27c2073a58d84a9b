import { createSseDecoder } from "@waggle/protocol/sse";
import { expect, test } from "vitest";
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
  expect(lastNumberOf(shape, [said], undefined)).toBe(6);
});

test("if another stream is ahead, a keepalive gets no number that the other stream has used for an event", () => {
  const shape = makeShape();
  const [ahead, behind] = [responseFraming(shape), responseFraming(shape)];
  const opening = behind.keepAlive("silent");
  ahead.frame(said);
  const silence = behind.keepAlive("silent");
  expect(silence).toMatch(/^:.*\n\n$/);
  expect(numbersIn(opening + silence + behind.frame(said) + behind.keepAlive("silent"))).toEqual([0, 1, 2, 3, 4, 5]);
});
