import type { JobEvent } from "@waggle/engine";
import type { EventRecord } from "@waggle/fleet";
import { expect, it } from "vitest";
import { createSequenceRecords } from "./sequence-records.ts";

function fence(attempt: string, worker = attempt): EventRecord {
  return { kind: "fence", attempt, worker, modelSha256: null, templateSha256: null, modelFile: null, vision: null };
}

function token(index: number): JobEvent {
  return { type: "token", jobId: "x", index, text: String(index), tMs: 0, ids: [index], n: 1 };
}

function events(attempt: string, serial: number, ...jobEvents: readonly JobEvent[]): EventRecord {
  return { kind: "events", attempt, serial, events: jobEvents };
}

function vector(index: number): JobEvent {
  return { type: "embedding", jobId: "x", index, vector: [1], tokens: 1 };
}

it("returns each token and each vector once, from any worker", () => {
  const records = createSequenceRecords();
  records.take(fence("a"));
  expect(records.take(events("a", 0, token(0), token(1))).events).toEqual([token(0), token(1)]);
  expect(records.take(events("a", 0, token(0), token(1))).events).toEqual([]);
  expect(records.take(fence("b"))).toEqual({ events: [], moved: true });
  expect(records.take(events("b", 0, token(1), token(2))).events).toEqual([token(2)]);
  expect(records.take(events("a", 1, token(2), token(3))).events).toEqual([]);
  expect(records.worker).toBe("b");
  expect(records.take(events("b", 1, vector(0))).events).toEqual([vector(0)]);
  records.take(fence("c"));
  expect(records.take(events("c", 0, vector(0), vector(1))).events).toEqual([vector(1)]);
});

it("continues with an attempt whose fence is lost, and ignores earlier attempts that are delivered again", () => {
  const records = createSequenceRecords();
  records.take(fence("a"));
  records.take(events("a", 0, token(0)));
  expect(records.take(events("b", 3, token(1)))).toEqual({ events: [token(1)], moved: true });
  expect(records.worker).toBeUndefined();
  expect(records.take(events("a", 1, token(1), token(2))).events).toEqual([]);
  expect(() => records.take(events("b", 5, token(2)))).toThrow("Expected record 4");
});

it("reports a move only after output, and only for a new fence", () => {
  const records = createSequenceRecords();
  expect(records.take(fence("a")).moved).toBe(false);
  expect(records.take(fence("b")).moved).toBe(false);
  records.take(events("b", 0, token(0)));
  expect(records.take({ kind: "engine_lost", attempt: "b", serial: 1, enginesLost: 1 }).moved).toBe(true);
});

it("refuses a gap between records, between tokens, and between vectors", () => {
  const records = createSequenceRecords();
  records.take(fence("a"));
  expect(() => records.take(events("a", 1, token(0)))).toThrow("Expected record 0 of the attempt, got record 1");
  const others = createSequenceRecords();
  others.take(fence("a"));
  expect(() => others.take(events("a", 0, token(1)))).toThrow("Expected token 0, got token 1");
  const ofTexts = createSequenceRecords();
  ofTexts.take(fence("a"));
  expect(() => ofTexts.take(events("a", 0, vector(1)))).toThrow("Expected vector 0, got vector 1");
});

it("starts with any record if NATS deleted the first ones, and returns nothing after the end", () => {
  const records = createSequenceRecords();
  const released: JobEvent = { type: "failed", jobId: "x", code: "internal", message: "" };
  expect(records.take(events("a", 7, token(0), released)).events).toEqual([token(0), released]);
  expect(records.take(events("a", 8, token(1))).events).toEqual([]);
});
