// Tests a made-up model's file: its half floats, its vocabulary, and its size as the header promises.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encoderTensors } from "./encoder-model.ts";
import { aligned } from "./gguf.ts";
import { shapeNamed, type ModelShape } from "./shapes.ts";
import { makeVocabulary } from "./random-vocabulary.ts";
import { writeRandomModel } from "./random-model.ts";
import { toHalf } from "./random-weights.ts";
import { makeWordPieces, wordPieceSpecial } from "./word-pieces.ts";

/** Decodes a normal half float. */
function fromHalf(bits: number): number {
  return (1 + (bits & 0x3ff) / 1_024) * 2 ** ((bits >>> 10) - 15);
}

describe("toHalf", () => {
  it("returns the bits of every normal half float", () => {
    const all = Array.from({ length: 0x7c00 - 0x400 }, (_, index) => index + 0x400);
    expect(all.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
  });

  it("rounds down", () => {
    expect(fromHalf(toHalf(1 + 2 ** -11))).toBe(1);
    expect(fromHalf(toHalf(1 + 1.9 * 2 ** -10))).toBe(1 + 2 ** -10);
  });
});

describe("makeVocabulary", () => {
  const { pieces, scores, types } = makeVocabulary(32_000);

  it("has the requested number of different pieces, with all bytes", () => {
    expect(new Set(pieces).size).toBe(32_000);
    expect(scores).toHaveLength(32_000);
    expect(types.filter((type) => type === 6)).toHaveLength(256);
  });

  it("contains, for every word, also the word without its last letter, with a higher score", () => {
    const ids = new Map(pieces.map((piece, id) => [piece, id]));
    const words = [...ids].filter(([piece]) => piece.startsWith("\u2581") && piece.length > 1);
    const orphans = words.filter(([piece, id]) => {
      const [shorter, letter] = [piece.slice(0, -1), piece.slice(-1)];
      return (ids.get(shorter) ?? Infinity) > id || !ids.has(letter);
    });
    expect(words.length).toBeGreaterThan(30_000);
    expect(orphans).toEqual([]);
  });

  it("refuses a size below that of the alphabet", () => {
    expect(() => makeVocabulary(100)).toThrow(/at least/);
  });
});

describe("makeWordPieces", () => {
  const { pieces, types } = makeWordPieces(1_024);

  it("has each lower-case character once to begin a word and once to continue a word", () => {
    expect(new Set(pieces).size).toBe(pieces.length);
    for (const character of [..."az09.?"])
      expect(pieces).toEqual(expect.arrayContaining([character, `\u2581${character}`]));
    expect(pieces.filter((piece) => piece.length === 1 && piece !== piece.toLowerCase())).toEqual([]);
    expect([pieces[wordPieceSpecial.classify], types[wordPieceSpecial.classify]]).toEqual(["[CLS]", 3]);
  });
});

describe("writeRandomModel", () => {
  const shape: ModelShape = {
    ...{ name: "t", like: "none", layers: 2, width: 64, heads: 4, kvHeads: 2, feedForward: 96 },
    ...{ vocabulary: 400, context: 128 },
  };
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-synth-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("writes a file as long as its header says, the same each time", () => {
    const [a, b] = ["a", "b"].map((name) => join(folder, "deep", `${name}.gguf`)) as [string, string];
    const bytes = writeRandomModel(shape, a);
    writeRandomModel(shape, b);
    expect(statSync(a).size).toBe(bytes);
    expect(readFileSync(a).subarray(0, 8).toString("hex")).toBe("4747554603000000");
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    expect(readdirSync(join(folder, "deep"))).toEqual(["a.gguf", "b.gguf"]);
  });

  it.each(["embed", "rerank"] as const)(
    "writes the same encoder for %s each time, with the size of its tensors",
    (encoder) => {
      const [a, b] = ["a", "b"].map((name) => join(folder, `${name}.gguf`)) as [string, string];
      const bytes = writeRandomModel({ ...shape, encoder }, a);
      writeRandomModel({ ...shape, encoder }, b);
      expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
      expect(readFileSync(a).includes("cls.output.weight")).toBe(encoder === "rerank");
      const tensors = encoderTensors(shape, encoder).reduce((sum, tensor) => sum + aligned(tensor.bytes), 0);
      expect(bytes - tensors).toBeGreaterThan(0);
      expect(bytes - tensors).toBeLessThan(30_000);
    },
  );

  it("scales the weights of each matrix so that activations keep their size", () => {
    const path = join(folder, "a.gguf");
    writeRandomModel(shape, path);
    // The last matrix, of 96 columns: 64 rows of 3 blocks, each a scale and 32 bytes.
    const bytes = readFileSync(path).subarray(-64 * 3 * 34);
    const weights = Array.from({ length: 64 * 3 }, (_, block) => {
      const scale = fromHalf(bytes.readUInt16LE(block * 34));
      return Array.from({ length: 32 }, (_unused, i) => scale * bytes.readInt8(block * 34 + 2 + i));
    }).flat();
    const deviation = Math.sqrt(weights.reduce((sum, weight) => sum + weight ** 2, 0) / weights.length);
    expect(deviation * Math.sqrt(96)).toBeGreaterThan(0.95);
    expect(deviation * Math.sqrt(96)).toBeLessThan(1.05);
  });

  it("deletes a file that it cannot finish", () => {
    mkdirSync(join(folder, "taken.gguf/full"), { recursive: true });
    expect(() => writeRandomModel(shape, join(folder, "taken.gguf"))).toThrow(/Cannot write .*\/taken\.gguf: /);
    expect(readdirSync(folder)).toEqual(["taken.gguf"]);
  });

  it("names the path that it cannot write", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => writeRandomModel(shape, join(folder, "file/x.gguf"))).toThrow(/Cannot write .*\/file\/x\.gguf: /);
  });
});

describe("shapeNamed", () => {
  it("finds a shape by its name, and lists the names for an unknown one", () => {
    expect(shapeNamed("135m").layers).toBe(30);
    expect(() => shapeNamed("9t")).toThrow(/one of 15m, 135m/);
  });
});
