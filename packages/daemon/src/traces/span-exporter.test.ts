import type { Clock } from "@waggle/async";
import { createFakeClock, attributesOf, startOtlpReceiver } from "@waggle/testing";
import type { FakeClock, OtlpReceiver } from "@waggle/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSpanExporter } from "./span-exporter.ts";
import type { SpanExporter } from "./span-exporter.ts";
import type { Span } from "./span.ts";

const postLimitMs = 10_000;

let receiver: OtlpReceiver;
let clock: FakeClock;
let told: string[];
/** Called after each line is added to `told`. */
let onTold = (): void => {};

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  clock = createFakeClock();
  told = [];
});
afterEach(async () => await receiver.close());

function create(on: Clock = clock): SpanExporter {
  const tell = (line: string): void => {
    told.push(line);
    onTold();
  };
  return createSpanExporter({
    settings: {
      url: `${receiver.url}/v1/traces`,
      headers: { "x-key": "secret" },
      timeoutMs: postLimitMs,
      delayMs: 5_000,
      batchSize: 4,
      queueSize: 8,
      sampler: "always_on",
      ratio: 1,
      resource: { "service.name": "test" },
    },
    version: "1.2.3",
    clock: on,
    onSpans: (outcome, count) => tell(`${outcome} ${count}`),
    onFailing: (reason) => tell(reason === undefined ? "works" : `fails: ${reason}`),
  });
}

function spanNamed(name: string, attributes: Span["attributes"] = {}): Span {
  return {
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    parentSpanId: undefined,
    traceState: undefined,
    name,
    kind: "internal",
    startMs: 1_700_000_000_000.125,
    endMs: 1_700_000_000_001,
    attributes,
    failed: false,
  };
}

/** Resolves when `told` contains this line. */
function toTell(line: string): Promise<void> {
  return new Promise((resolve) => {
    onTold = () => {
      if (told.includes(line)) resolve();
    };
    onTold();
  });
}

/** A clock whose timers fire at once, except for the time limit of a post. */
function impatient(): Clock {
  return {
    now: clock.now,
    setTimeout(fn, ms) {
      const timer = clock.setTimeout(fn, ms);
      if (ms !== postLimitMs) queueMicrotask(() => clock.advance(ms));
      return timer;
    },
  };
}

test("a few spans are sent together after a delay, in the format of collectors", async () => {
  const exporter = create();
  exporter.add(spanNamed("one", { a: "text", b: 3, c: 0.5, d: true, e: ["x", "y"], f: undefined }));
  exporter.add({ ...spanNamed("two"), kind: "server", failed: true, parentSpanId: "c".repeat(16), traceState: "k=v" });
  expect(receiver.posts).toHaveLength(0);
  clock.advance(5_000);
  const [one, two] = await receiver.spans(2);
  const [post] = receiver.posts;
  expect([post?.path, post?.headers["content-type"], post?.headers["x-key"]]).toEqual([
    "/v1/traces",
    "application/json",
    "secret",
  ]);
  expect(post?.body.resourceSpans[0]?.resource.attributes).toEqual([
    { key: "service.name", value: { stringValue: "test" } },
  ]);
  expect(post?.body.resourceSpans[0]?.scopeSpans[0]?.scope).toEqual({ name: "waggle", version: "1.2.3" });
  expect(one).toEqual({
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    name: "one",
    kind: 1,
    startTimeUnixNano: "1700000000000125000",
    endTimeUnixNano: "1700000000001000000",
    attributes: [
      { key: "a", value: { stringValue: "text" } },
      { key: "b", value: { intValue: "3" } },
      { key: "c", value: { doubleValue: 0.5 } },
      { key: "d", value: { boolValue: true } },
      { key: "e", value: { arrayValue: { values: [{ stringValue: "x" }, { stringValue: "y" }] } } },
    ],
  });
  expect(two).toMatchObject({ kind: 2, parentSpanId: "c".repeat(16), traceState: "k=v", status: { code: 2 } });
  expect(attributesOf(two ?? { attributes: [] })).toEqual({});
  await toTell("sent 2");
});

test("a full batch is sent at once", async () => {
  const exporter = create();
  for (const name of ["a", "b", "c", "d"]) exporter.add(spanNamed(name));
  await toTell("sent 4");
  expect(clock.pending).toBe(0);
});

test("a rejected batch is sent again; later spans wait, up to the limit", async () => {
  receiver.answer(503);
  const exporter = create();
  for (let i = 0; i < 14; i += 1) exporter.add(spanNamed(`s${i}`));
  expect(told).toEqual(["dropped 1", "dropped 1"]);
  await toTell("fails: it answers 503");
  receiver.answer(200);
  clock.advance(2_000);
  await receiver.spans(12);
  expect(receiver.posts).toHaveLength(4);
  await exporter.stop(1_000);
  expect(told.slice(2)).toEqual(["fails: it answers 503", "works", "sent 4", "sent 4", "sent 4"]);
});

test.each([
  ["break", 5, /^fails: (ECONNRESET|UND_ERR_SOCKET|other side closed)$/],
  [503, 5, /^fails: it answers 503$/],
  [400, 1, /^fails: it answers 400$/],
] as const)("a collector that does %s is asked %d times, then the batch is dropped", async (how, posts, reason) => {
  receiver.answer(how);
  const exporter = create(impatient());
  for (const name of ["a", "b", "c", "d"]) exporter.add(spanNamed(name));
  await toTell("dropped 4");
  expect(receiver.posts).toHaveLength(posts);
  expect(told).toEqual([expect.stringMatching(reason), "dropped 4"]);
});

test("a post to a collector that never answers fails at the time limit", async () => {
  receiver.answer("hang");
  const exporter = create();
  for (const name of ["a", "b", "c", "d"]) exporter.add(spanNamed(name));
  await receiver.received(1);
  clock.advance(10_000);
  await toTell("fails: it does not answer in time");
  receiver.answer(200);
  clock.advance(2_000);
  await toTell("sent 4");
});

test("a redirect is not followed, because the headers are for one host", async () => {
  receiver.answer(307);
  const exporter = create();
  exporter.add(spanNamed("a"));
  await exporter.stop(1_000);
  expect([receiver.posts.length, told.at(-1)]).toEqual([1, "dropped 1"]);
});

test("stopping sends the waiting spans, and accepts no new spans", async () => {
  const exporter = create();
  exporter.add(spanNamed("last"));
  await exporter.stop(1_000);
  expect((await receiver.spans(1))[0]?.name).toBe("last");
  exporter.add(spanNamed("late"));
  expect(told).toEqual(["sent 1", "dropped 1"]);
  expect(clock.pending).toBe(0);
});

test("stopping ends within its limit, even if the collector does not answer", async () => {
  receiver.answer("hang");
  const exporter = create();
  for (let i = 0; i < 8; i += 1) exporter.add(spanNamed(`s${i}`));
  await receiver.received(1);
  const stopped = exporter.stop(1_000);
  clock.advance(1_000);
  await stopped;
  expect(told).toEqual(["fails: it does not answer in time", "dropped 4", "dropped 4"]);
  expect(clock.pending).toBe(0);
});
