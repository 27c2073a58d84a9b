import { createHash, randomBytes } from "node:crypto";
import { ChatCompletionRequestSchema, WaggleError, picturePlaces } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPictureLifter } from "./lift-pictures.ts";
import { createPictureDecoder } from "./picture-decoder.ts";

const places = picturePlaces(ChatCompletionRequestSchema) as PicturePlace;

interface Lifted {
  readonly text: string;
  readonly pictures: readonly Buffer[];
}

function lift(...args: Parameters<typeof liftPieces>): Lifted {
  const { pieces, pictures } = liftPieces(...args);
  return { text: Buffer.concat(pieces).toString(), pictures };
}

/** @param cuts sizes of the chunks; the last size repeats */
function liftPieces(body: string, cuts: readonly number[] = [Infinity], maxBytes = 1 << 20) {
  const pictures: Buffer[] = [];
  const lifter = createPictureLifter({
    places,
    open() {
      const name = `picture ${pictures.length + 1}`;
      const onTooLarge = (): WaggleError => new WaggleError("payload_too_large", `${name} is too large`);
      const decoder = createPictureDecoder({ name, maxBytes, onTooLarge, onGrow: () => {} });
      return {
        write: decoder.write,
        refuse(why) {
          throw new WaggleError("invalid_argument", `Cannot read ${name}: ${why}.`);
        },
        end() {
          const { sha256, bytes } = decoder.end();
          pictures.push(Buffer.from(bytes));
          return `sha256:${sha256}`;
        },
      };
    },
  });
  const bytes = Buffer.from(body);
  const texts: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, cuts[Math.min(turn, cuts.length - 1)] ?? 1);
    // A copy, since nothing may refer to a chunk after the call.
    texts.push(...lifter.write(Buffer.from(bytes.subarray(at, at + size))).map((piece) => Buffer.from(piece)));
    at += size;
  }
  return { pieces: texts, pictures };
}

const hashOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const bodyWith = (part: unknown): string => JSON.stringify({ messages: [{ role: "user", content: [part] }] });
const imageOf = (url: string) => ({ type: "image_url", image_url: { url } });
const dataOf = (bytes: Uint8Array): string => `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;

function refusal(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    expect(error).toBeInstanceOf(WaggleError);
    return (error as WaggleError).message;
  }
}

describe("pictures in a body", () => {
  it("are replaced by their hashes, however the body is cut into chunks", () => {
    const file = fc.uint8Array({ maxLength: 200 });
    const said = fc.string({ unit: "grapheme", maxLength: 20 });
    const part = fc.oneof(
      file.map((bytes) => ({ part: imageOf(dataOf(bytes)), lifted: imageOf(hashOf(bytes)), bytes })),
      file
        .filter(({ length }) => length > 8)
        .map((bytes) => ({
          part: { type: "image_url", image_url: Buffer.from(bytes).toString("base64") },
          lifted: { type: "image_url", image_url: hashOf(bytes) },
          bytes,
        })),
      said.map((text) => ({ part: { type: "text", text }, lifted: { type: "text", text }, bytes: undefined })),
    );
    const chunks = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.array(part)), chunks, fc.boolean(), said, (contents, cuts, spaced, key) => {
        const messages = (pick: "part" | "lifted") =>
          contents.map((parts) => ({ [key]: "x", role: "user", content: parts.map((one) => one[pick]) }));
        const body = JSON.stringify({ messages: messages("part") }, null, spaced ? 2 : 0);
        const { text, pictures } = lift(body, cuts);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify({ messages: messages("lifted") })));
        expect(pictures).toEqual(
          contents.flat().flatMap(({ bytes }) => (bytes === undefined ? [] : [Buffer.from(bytes)])),
        );
      }),
    );
  });

  it("may have escapes, line breaks and no padding", () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const url = dataOf(bytes);
    const written = (text: string): string => bodyWith(imageOf("HERE")).replace("HERE", text);
    for (const text of [
      url.replaceAll("/", String.raw`\/`),
      url.replaceAll("+", String.raw`\u002B`).replaceAll("=", String.raw`\u003d`),
      url.replaceAll(/(.{30,}?),|(.{20})/g, String.raw`$&\r\n`).replace(String.raw`,\r\n`, ","),
      url.replaceAll("=", ""),
      url.replaceAll("+", "-").replaceAll("/", "_").replace("image_png", "image/png"),
      url.replace("data:image/png;", "DATA:image/png;charset=utf-8;"),
    ]) {
      for (const cuts of [[Infinity], [1], [7]]) {
        const lifted = lift(written(text), cuts);
        expect(lifted.pictures, text).toEqual([bytes]);
        expect(lifted.text).toBe(bodyWith(imageOf(hashOf(bytes))));
      }
    }
  });

  it("are found at keys that are written with escapes", () => {
    const body = bodyWith(imageOf(dataOf(Buffer.from("x")))).replace('"url"', String.raw`"\u0075rl"`);
    expect(lift(body).pictures).toEqual([Buffer.from("x")]);
  });

  it.each([
    ["a URL", imageOf("https://example.org/a.png")],
    ["a hash", imageOf(hashOf(Buffer.from("x")))],
    ["a short text", imageOf("data")],
    ["an empty text", imageOf("")],
    ["a quote", imageOf('https://a/"\\"')],
    ["base64 in a text", { type: "text", text: dataOf(Buffer.from("x")) }],
    ["base64 at another place", { type: "image_url", image_url: { detail: dataOf(Buffer.from("x")) } }],
    ["base64 in a list", { type: "image_url", image_url: [dataOf(Buffer.from("x"))] }],
  ])("%s stays text", (_, part) => {
    const body = bodyWith(part);
    for (const cuts of [[Infinity], [1], [3]]) expect(lift(body, cuts)).toEqual({ text: body, pictures: [] });
  });

  it("leave text that is not JSON unchanged", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 9 }), (text, cut) => {
        expect(lift(text, [cut]).text).toBe(Buffer.from(text).toString());
      }),
    );
    const deep = `${"[".repeat(10_000)}"x"`;
    expect(lift(deep).text).toBe(deep);
  });

  it.each([
    ["data:image/png;base64,AB!D", "Cannot read picture 1: it is not valid base64."],
    ["data:image/png;base64,ABCDE", "Cannot read picture 1: it is not valid base64."],
    [`data:image/png;base64,${"ABCD".repeat(11)}AB==CDEF`, "Cannot read picture 1: it is not valid base64."],
    ["data:image/png;base64,AA=A", "Cannot read picture 1: it is not valid base64."],
    ["data:image/png;base64,====", "Cannot read picture 1: it is not valid base64."],
    ["data:image/png;base64,ABCDéééé", "Cannot read picture 1: it is not valid base64."],
    ["data:image/png;base64,ABCD\\", "Cannot read picture 1: it is not valid base64."],
    [`${"iVBORw0KGgo".repeat(6)}?`, "Cannot read picture 1: it is not valid base64."],
    ["data:image/svg+xml,<svg/>", "Cannot read picture 1: its data: URL is not base64."],
    ["data:image/svg+xml;utf8,%3Csvg/%3E", "Cannot read picture 1: its data: URL is not base64."],
    ["data:image/png;base64", "Cannot read picture 1: its data: URL is not base64."],
    [`data:${"x".repeat(300)};base64,ABCD`, "Cannot read picture 1: its data: URL is not base64."],
  ])("are refused by number: %s", (url, message) => {
    const body = bodyWith(imageOf(url));
    for (const cuts of [[Infinity], [1], [5]]) expect(refusal(() => lift(body, cuts))).toBe(message);
  });

  it("are refused beyond their limit before they have arrived", () => {
    const url = dataOf(randomBytes(1_001));
    expect(refusal(() => lift(bodyWith(imageOf(url)), [100], 1_000))).toBe("picture 1 is too large");
    const begun = bodyWith(imageOf(url)).slice(0, 1_500);
    expect(refusal(() => lift(begun, [100], 1_000))).toBe("picture 1 is too large");
    expect(lift(bodyWith(imageOf(dataOf(randomBytes(1_000)))), [100], 1_000).pictures).toHaveLength(1);
  });

  it("are not looked for in strings of less than eight bytes, which stay in their piece of the text", () => {
    const content = ["", "1", '\\"', "data:,", "sha256:"].map(imageOf);
    const body = JSON.stringify({ messages: [{ role: "user", content }] });
    const { pieces, pictures } = liftPieces(body);
    expect([pieces.map(String), pictures]).toEqual([[body], []]);
  });
});
