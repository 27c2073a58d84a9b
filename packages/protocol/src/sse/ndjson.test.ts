import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStream, sourceOf, type ByteStream } from "./decode-stream.ts";
import { NdjsonError, createNdjsonDecoder, encodeNdjson } from "./ndjson.ts";

function parseNdjson(body: ByteStream, options: { readonly maxLineBytes?: number } = {}): AsyncIterable<unknown> {
  return decodeStream<unknown>(
    () => sourceOf(body),
    (emit) => createNdjsonDecoder(emit, options),
  );
}

async function* chunks(...parts: string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

describe("NDJSON", () => {
  it("decodes every encoded value, also byte by byte", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
        const bytes = Buffer.from(values.map(encodeNdjson).join("\n"));
        async function* oneByOne(): AsyncIterable<Uint8Array> {
          for (let i = 0; i < bytes.length; i += 1) yield bytes.subarray(i, i + 1);
        }
        expect(await collect(parseNdjson(oneByOne()))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it("skips empty lines, and accepts CRLF and a last line without a line break", async () => {
    expect(await collect(parseNdjson(chunks("\n\n1\r\n\r\n", '{"a"', ":2}")))).toEqual([1, { a: 2 }]);
  });

  it("reports the number of a line that is not JSON, without quoting the line", async () => {
    const error = await collect(parseNdjson(chunks("1\n\nsecret words\n"))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NdjsonError);
    expect(error).toMatchObject({ reason: "syntax", line: 3, message: expect.not.stringContaining("secret") });
    expect((error as Error).cause).toBeUndefined();
  });

  it("fails on a last line that is cut off", async () => {
    await expect(collect(parseNdjson(chunks('{"a":1}\n{"a"')))).rejects.toThrow("Cannot read line 2");
  });

  it.each([
    ["unfinished", ['"' + "x".repeat(10), "x".repeat(10)]],
    ["whole", ['"' + "x".repeat(18) + '"\n']],
    ["few characters, many bytes", ['"' + "\u{20ac}".repeat(6) + '"\n']],
  ])("gives up at the limit: %s", async (_, parts) => {
    const reading = collect(parseNdjson(chunks(...parts), { maxLineBytes: 19 }));
    await expect(reading).rejects.toMatchObject({ reason: "limit", line: 1 });
  });

  it("rejects a line that is too long before the line ends", async () => {
    let pieces = 0;
    async function* endless(): AsyncIterable<Uint8Array> {
      for (; pieces < 1_000; pieces += 1) yield Buffer.from("x");
    }
    await expect(collect(parseNdjson(endless(), { maxLineBytes: 19 }))).rejects.toMatchObject({ reason: "limit" });
    expect(pieces).toBeLessThan(30);
  });

  it("applies the limit to each line separately", async () => {
    const lines = Array.from({ length: 10 }, (_, i) => `line ${i}`);
    expect(await collect(parseNdjson(chunks(...lines.map(encodeNdjson)), { maxLineBytes: 19 }))).toEqual(lines);
  });

  it("refuses values that cannot be written as JSON", () => {
    expect(() => encodeNdjson(undefined)).toThrow("undefined cannot be written as JSON");
    expect(() => encodeNdjson(1n)).toThrow(TypeError);
  });
});
