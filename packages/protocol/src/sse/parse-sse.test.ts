import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeSse, encodeSseComment, type SseFrame } from "./encode-sse.ts";
import { SseLimitError, parseSse } from "./parse-sse.ts";

async function* chunks(...parts: (string | Uint8Array)[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

/** Cuts the bytes at the given positions, also in the middle of characters. */
function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n\0]/g, " "));
const frame: fc.Arbitrary<SseFrame> = fc.record(
  { data: fc.array(line).map((lines) => lines.join("\n")), id: line, event: line.filter((text) => text !== "") },
  { requiredKeys: ["data"] },
);

describe("parseSse", () => {
  it("decodes every encoded frame, for any chunks and with comments between frames", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame), fc.array(fc.nat()), async (frames, places) => {
        const text = frames.map((each) => encodeSseComment("ping") + encodeSse(each)).join("");
        expect(await collect(parseSse(chunks(...cutAt(Buffer.from(text), places))))).toEqual(frames);
      }),
    );
  });

  it("reads a web stream", async () => {
    const body = ReadableStream.from<Uint8Array>(chunks("data: a\n\nda", "ta: b\n\n"));
    expect(await collect(parseSse(body))).toEqual([{ data: "a" }, { data: "b" }]);
  });

  it("ignores unknown fields, invalid retry values and an incomplete last frame, and tells valid retry values", async () => {
    const retries: number[] = [];
    const text = "retry: soon\nretry: 200\nfoo: 1\ndata: a\n\nid: 1\ndata: \n\ndata: incomplete";
    const frames = await collect(parseSse(chunks(text), { onRetry: (ms) => retries.push(ms) }));
    expect([frames, retries]).toEqual([[{ data: "a" }, { id: "1", data: "" }], [200]]);
  });

  it.each([
    ["one unfinished line", ["data: " + "x".repeat(30)]],
    ["many lines of one frame", ["data: 1234567\n", "data: 1234567\n", "data: 1234567\n"]],
    ["a frame that came whole", ["data: " + "x".repeat(21) + "\n\n"]],
    ["few characters that are many bytes", ["data: " + "\u{20ac}".repeat(7) + "\n\n"]],
    ["a line in pieces", ["data: ", ...Array<string>(30).fill("x")]],
  ])("gives up at the limit: %s", async (_, parts) => {
    let cancelled = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield* chunks("data: good\n\n", ...parts);
      } finally {
        cancelled = true;
      }
    }
    const seen: SseFrame[] = [];
    const reading = (async () => {
      for await (const each of parseSse(source(), { maxFrameBytes: 20 })) seen.push(each);
    })();
    await expect(reading).rejects.toThrow(SseLimitError);
    await expect(reading).rejects.toThrow("a frame is larger than 20 bytes");
    expect(seen).toEqual([{ data: "good" }]);
    expect(cancelled).toBe(true);
  });

  it("applies the limit to each frame separately", async () => {
    const frames = Array.from({ length: 10 }, (_, i) => ({ data: `frame ${i}` }));
    expect(await collect(parseSse(chunks(...frames.map(encodeSse)), { maxFrameBytes: 20 }))).toEqual(frames);
  });

  it("accepts a frame whose size is exactly the limit", async () => {
    const data = "\u{20ac}".repeat(6) + "ab";
    expect(await collect(parseSse(chunks(`data: ${data}\n\n`), { maxFrameBytes: 20 }))).toEqual([{ data }]);
  });

  it("delivers the frames before an error of the source, then throws the error", async () => {
    async function* source(): AsyncIterable<Uint8Array> {
      yield* chunks("data: a\n\n");
      throw new Error("terminated");
    }
    const iterator = parseSse(source())[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: { data: "a" } });
    await expect(iterator.next()).rejects.toThrow("terminated");
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("lets a consumer stop during a pending read, and cancels the web stream", async () => {
    let cancelled = false;
    const silent = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
    const iterator = parseSse(silent)[Symbol.asyncIterator]();
    const pending = iterator.next();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(cancelled).toBe(true);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("lets a consumer stop while a generator is silent", async () => {
    async function* silent(): AsyncIterable<Uint8Array> {
      await new Promise(() => {});
      yield Buffer.from("data: never\n\n");
    }
    const iterator = parseSse(silent())[Symbol.asyncIterator]();
    const pending = iterator.next();
    await iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});
