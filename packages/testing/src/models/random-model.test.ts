// Tests a made-up model's file: its half floats, its vocabulary, the types and codes of its weights, and its size as the header promises.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { codeRow, codesOf } from "./codes.ts";
import { decoderTensors, plainChat } from "./decoder-model.ts";
import { encoderTensors } from "./encoder-model.ts";
import { aligned, blocks, matrix, vector } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { makeLearnedVocabulary } from "./vocabulary/learned-vocabulary.ts";
import { quantized } from "./quantization.ts";
import { shapeNamed, type ModelShape } from "./shapes.ts";
import { writeRandomModel } from "./random-model.ts";
import { tensorPieces, toHalf } from "./random-weights.ts";
import { makeWordPieces, wordPieceSpecial } from "./encoder-model.ts";

/** Decodes a positive half float. */
function fromHalf(bits: number): number {
  if (bits < 0x400) return bits * 2 ** -24;
  return (1 + (bits & 0x3ff) / 1_024) * 2 ** ((bits >>> 10) - 15);
}

describe("toHalf", () => {
  it("returns the bits of every half float", () => {
    const all = Array.from({ length: 0x7c00 }, (_, bits) => bits);
    expect(all.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
  });

  it("rounds down", () => {
    expect(fromHalf(toHalf(1 + 2 ** -11))).toBe(1);
    expect(fromHalf(toHalf(1 + 1.9 * 2 ** -10))).toBe(1 + 2 ** -10);
  });
});

describe("makeLearnedVocabulary", () => {
  it.each([32_000, 400])("has %i different pieces: the bytes, the control tokens, and further pieces", (size) => {
    const { pieces, types, markers } = makeLearnedVocabulary(size, plainChat.vocabulary);
    expect(new Set(pieces).size).toBe(size);
    expect(pieces.slice(0, 256).every((piece) => piece.length === 1)).toBe(true);
    expect([...markers].map(([text, token]) => [text, pieces[token]])).toEqual([
      ["<s>", "<s>"],
      ["</s>", "</s>"],
    ]);
    expect(types).toHaveLength(size);
    expect([...types].flatMap((type, token) => (type === 3 ? [token] : []))).toEqual([...markers.values()]);
  });

  it("merges only bytes and earlier pieces", () => {
    const { pieces, merges, markers } = makeLearnedVocabulary(32_000, plainChat.vocabulary);
    const ids = new Map(pieces.map((piece, id) => [piece, id]));
    const wrong = merges.filter((merge, index) => {
      const halves = merge.split(" ");
      const id = 256 + markers.size + index;
      return (
        halves.length !== 2 || pieces[id] !== halves.join("") || halves.some((half) => (ids.get(half) ?? id) >= id)
      );
    });
    expect(merges.length).toBeGreaterThan(10_000);
    expect(wrong).toEqual([]);
  });

  it("refuses a size below that of the bytes", () => {
    expect(() => makeLearnedVocabulary(100, plainChat.vocabulary)).toThrow(/at least 258/);
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

  it("refuses a size below that of the characters", () => {
    expect(() => makeWordPieces(100)).toThrow(/at least/);
  });
});

/** Decodes the blocks of a type as ggml-quants.c does. */
const decoders: Readonly<Record<keyof typeof blocks, (block: Buffer) => number[]>> = {
  q8_0: (block) => Array.from({ length: 32 }, (_, i) => fromHalf(block.readUInt16LE(0)) * block.readInt8(2 + i)),
  q5_0: (block) =>
    Array.from({ length: 32 }, (_, i) => {
      const nibble = (block.readUInt8(6 + (i % 16)) >> (i < 16 ? 0 : 4)) & 0xf;
      const fifth = (block.readUInt32LE(2) >>> i) & 1;
      return fromHalf(block.readUInt16LE(0)) * (nibble + 16 * fifth - 16);
    }),
  q4_K: (block) => {
    const [scale, least] = [fromHalf(block.readUInt16LE(0)), fromHalf(block.readUInt16LE(2))];
    const byte = (at: number): number => block.readUInt8(4 + at);
    return Array.from({ length: 256 }, (_, i) => {
      const group = i >> 5;
      const nibble = (block.readUInt8(16 + (group >> 1) * 32 + (i % 32)) >> (group % 2 === 0 ? 0 : 4)) & 0xf;
      const [factor, minimum] =
        group < 4
          ? [byte(group) & 63, byte(group + 4) & 63]
          : [
              (byte(group + 4) & 0xf) | ((byte(group - 4) >> 6) << 4),
              (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4),
            ];
      return scale * factor * nibble - least * minimum;
    });
  },
  q6_K: (block) =>
    Array.from({ length: 256 }, (_, i) => {
      const [half, part, place] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = block.readUInt8(64 * half + 32 * (part & 1) + place) >> (part < 2 ? 0 : 4);
      const high = block.readUInt8(128 + 32 * half + place) >> (2 * part);
      const number = ((low & 0xf) | ((high & 3) << 4)) - 32;
      return fromHalf(block.readUInt16LE(208)) * block.readInt8(192 + (i >> 4)) * number;
    }),
};

/** The numbers of consecutive blocks of a type. */
function decoded(type: keyof typeof blocks, bytes: Buffer): number[] {
  const size = blocks[type].bytes;
  return Array.from({ length: bytes.length / size }, (_, i) =>
    decoders[type](bytes.subarray(i * size, (i + 1) * size)),
  ).flat();
}

describe("codeRow", () => {
  const [code = new Int8Array()] = codesOf(1, 512);

  it("encodes a code in each type without a rounding error", () => {
    for (const type of ["q8_0", "q6_K"] as const)
      expect(decoded(type, codeRow(code, type, 1 / 32)), type).toEqual(Array.from(code, (sign) => sign / 32));
    const single = codeRow(code, "f32", 0.5);
    expect(Array.from(code, (_, i) => single.readFloatLE(4 * i))).toEqual(Array.from(code, (sign) => sign / 2));
  });
});

describe("tensorPieces", () => {
  it.each(Object.keys(decoders) as (keyof typeof blocks)[])(
    "scales the weights of a matrix in %s so that activations keep their size",
    (type) => {
      const [columns, rows] = [512, 64];
      const bytes = Buffer.concat([...tensorPieces(matrix("m", columns, rows, type), createKeystream())]);
      const weights = decoded(type, bytes);
      expect(weights).toHaveLength(columns * rows);
      const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
      const deviation = Math.sqrt(weights.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / weights.length);
      expect(deviation * Math.sqrt(columns)).toBeGreaterThan(0.97);
      expect(deviation * Math.sqrt(columns)).toBeLessThan(1.03);
      expect(Math.abs(mean) / deviation).toBeLessThan(type === "q5_0" ? 0.08 : 0.02);
    },
  );
});

describe("tensorPieces of a tensor with a deviation", () => {
  it("have random single numbers with this deviation", () => {
    const bytes = Buffer.concat([...tensorPieces({ ...vector("v", 50_000), deviation: 3 }, createKeystream())]);
    const numbers = Array.from({ length: 50_000 }, (_, i) => bytes.readFloatLE(4 * i));
    const square = numbers.reduce((sum, number) => sum + number ** 2, 0) / numbers.length;
    expect(Math.sqrt(square)).toBeCloseTo(3, 1);
    expect(Math.abs(numbers.reduce((sum, number) => sum + number, 0) / numbers.length)).toBeLessThan(0.05);
    expect(new Set(numbers).size).toBeGreaterThan(30_000);
  });

  it("have blocks with this deviation, also if it is tiny, and in every quantization", () => {
    const [plain] = [{ ...matrix("blk.0.attn_q.weight", 512, 64), deviation: 1e-5 }];
    for (const tensor of [plain, ...quantized([plain], "Q4_K_M", 1)]) {
      const [piece] = [...tensorPieces(tensor, createKeystream())] as [Buffer];
      const numbers = decoders[tensor.type as keyof typeof blocks](piece);
      const deviation = Math.sqrt(numbers.reduce((sum, number) => sum + number ** 2, 0) / numbers.length);
      expect([tensor.type, deviation > 0.7e-5 && deviation < 1.3e-5]).toEqual([tensor.type, true]);
    }
  });
});

describe("quantized", () => {
  const typesOf = (shape: ModelShape): Map<string, string> =>
    new Map(quantized(decoderTensors(shape), "Q4_K_M", shape.layers).map(({ name, type }) => [name, type]));

  it("gives a model of 1B the types that llama-quantize gives it", () => {
    const types = typesOf(shapeNamed("1b"));
    const precise = [...types].flatMap(([name, type]) => (type === "q6_K" ? [name] : []));
    const layers = [0, 1, 4, 7, 10, 13, 14, 15];
    expect(precise).toEqual([
      "token_embd.weight",
      ...layers.flatMap((layer) => [`blk.${layer}.attn_v.weight`, `blk.${layer}.ffn_down.weight`]),
    ]);
    expect([...types.values()].filter((type) => type === "q4_K")).toHaveLength(96);
    expect([...types.values()].filter((type) => type === "f32")).toHaveLength(33);
  });

  it("takes blocks of 32 weights where the columns do not fill blocks of 256", () => {
    const types = typesOf(shapeNamed("135m"));
    expect(types.get("token_embd.weight")).toBe("q8_0");
    expect(types.get("blk.0.attn_v.weight")).toBe("q8_0");
    expect(types.get("blk.0.attn_q.weight")).toBe("q5_0");
    expect(types.get("blk.0.ffn_down.weight")).toBe("q6_K");
    expect(types.get("blk.4.ffn_down.weight")).toBe("q4_K");
  });
});

describe("writeRandomModel", () => {
  const shape: ModelShape = {
    ...{ name: "t", like: "none", layers: 2, width: 64, heads: 4, kvHeads: 2, feedForward: 96 },
    ...{ vocabulary: 400, context: 128 },
  };
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-synth-"))));

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

  it("reports each part that it has written, up to the whole file", () => {
    const shares: number[] = [];
    const path = join(folder, "a.gguf");
    const bytes = writeRandomModel(shape, path, { quantization: "Q4_K_M", onProgress: (share) => shares.push(share) });
    expect(statSync(path).size).toBe(bytes);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect([shares.length > 20, shares.at(-1)]).toEqual([true, 1]);
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
