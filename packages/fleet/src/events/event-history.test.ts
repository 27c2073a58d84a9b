import type { JobEvent } from "@waggle/engine";
import { expect, test } from "vitest";
import { file, finished, tokenEvent } from "../testing/fleet.ts";
import { createHistoryReader, type JobHistory } from "./event-history.ts";
import type { EventRecord } from "../queue/records.ts";

function fence(attempt: string, from = file): EventRecord {
  return { kind: "fence", attempt, worker: `worker of ${attempt}`, ...from };
}

function events(attempt: string, ...jobEvents: JobEvent[]): EventRecord {
  return { kind: "events", attempt, serial: 0, events: jobEvents };
}

function output(attempt: string, ids: number[], count: number, givenBack?: true): EventRecord {
  const record = { kind: "output", attempt, serial: 0, output: { ids, events: count }, ...file } as const;
  return givenBack === undefined ? record : { ...record, givenBack };
}

function lost(attempt: string, enginesLost: number): EventRecord {
  return { kind: "engine_lost", attempt, serial: 0, enginesLost };
}

function historyOf(...records: EventRecord[]): JobHistory {
  const reader = createHistoryReader();
  records.forEach((record, index) => reader.take(record, { sequence: 10 + index, ms: 1_000 + index }));
  return reader.history;
}

const started: JobEvent = { type: "started", jobId: "job", promptTokens: 3, cachedTokens: 0 };

test("a history without records is empty", () => {
  expect(historyOf()).toMatchObject({ last: 0, output: { ids: [], events: 0 }, computed: 0, ended: false });
});

test("has the output of several workers, each token once, and the file", () => {
  const history = historyOf(
    fence("a"),
    events("a", started, tokenEvent(0, [7, 8]), tokenEvent(1, [])),
    fence("b"),
    events("b", tokenEvent(1, [99]), tokenEvent(2, [9])),
  );
  expect(history).toEqual({
    last: 13,
    lastAt: 1_003,
    output: { ids: [7, 8, 9], events: 3 },
    computed: 0,
    file,
    ended: false,
    enginesLost: 0,
    silentWorkers: 0,
    incomplete: false,
  });
});

test("has no file before the first output, and keeps the file of the first output", () => {
  const other = { ...file, modelSha256: "c".repeat(64) };
  expect(historyOf(fence("a", other), events("a", started)).file).toBeUndefined();
  expect(historyOf(fence("a", other), fence("b"), events("b", tokenEvent(0)), fence("c", other)).file).toEqual(file);
});

test.each(["finished", "failed", "cancelled"])("is over once it is %s", (type) => {
  expect(historyOf(fence("a"), events("a", { ...finished(), type } as JobEvent)).ended).toBe(true);
});

test("counts dead engines and lost workers until there is new output", () => {
  expect(historyOf(fence("a"), lost("a", 1), lost("a", 2)).enginesLost).toBe(2);
  expect(historyOf(fence("a"), fence("b"), fence("c"))).toMatchObject({ silentWorkers: 3, enginesLost: 0 });
  expect(historyOf(fence("a"), lost("a", 1), fence("b"))).toMatchObject({ silentWorkers: 1, enginesLost: 1 });
  expect(historyOf(fence("a"), lost("a", 1), fence("b"), events("b", tokenEvent(0)))).toMatchObject({
    silentWorkers: 0,
    enginesLost: 0,
  });
  expect(historyOf(fence("a"), events("a", started)).silentWorkers).toBe(1);
});

test("counts a text as new output once, also when another worker computes it again", () => {
  const texts = (attempt: string, ...indexes: number[]) =>
    events(
      attempt,
      ...indexes.map((index) => ({ type: "embedding", jobId: "job", index, vector: [1], tokens: 1 }) as const),
    );
  expect(historyOf(fence("a"), texts("a", 0, 1))).toMatchObject({ computed: 2, silentWorkers: 0, file });
  expect(historyOf(fence("a"), texts("a", 0, 1), lost("a", 1), fence("b"), texts("b", 0, 1))).toMatchObject({
    computed: 2,
    silentWorkers: 1,
    enginesLost: 1,
  });
  expect(historyOf(fence("a"), texts("a", 0), lost("a", 1), texts("a", 1))).toMatchObject({ enginesLost: 0 });
});

test("does not count a worker that gave the job back", () => {
  expect(historyOf(fence("a"), fence("b"), output("b", [], 0, true))).toMatchObject({ silentWorkers: 1 });
});

test("a repetition of the output is no new output", () => {
  const silent = [fence("a"), events("a", tokenEvent(0, [1])), lost("a", 1), fence("b")];
  expect(historyOf(...silent)).toMatchObject({ enginesLost: 1, silentWorkers: 1 });
  expect(historyOf(...silent, output("b", [1], 1))).toMatchObject({ enginesLost: 1, silentWorkers: 1 });
  expect(historyOf(...silent, output("b", [1], 1, true))).toMatchObject({ enginesLost: 1, silentWorkers: 0 });
});

test("is incomplete without the first records, until the whole output is repeated", () => {
  const late = events("a", tokenEvent(5), tokenEvent(6));
  expect(historyOf(late)).toMatchObject({ incomplete: true, file: undefined });
  const again = historyOf(late, output("a", [1, 2, 3, 4, 5, 6, 7], 7), events("a", tokenEvent(7, [8])));
  expect(again).toMatchObject({ incomplete: false, output: { ids: [1, 2, 3, 4, 5, 6, 7, 8], events: 8 } });
});

test("has the model file from a repetition if the fence is too old", () => {
  expect(historyOf(output("a", [1], 1)).file).toEqual(file);
  expect(historyOf(output("a", [], 0), events("a", tokenEvent(0))).file).toEqual(file);
  expect(historyOf(output("a", [], 0)).file).toBeUndefined();
});
