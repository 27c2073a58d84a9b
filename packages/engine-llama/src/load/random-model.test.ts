// Tests made-up models with llama.cpp: they load in each quantization, compute finite logits without a winner, and have a vocabulary like real ones.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  shapeNamed,
  pictureShapes,
  writeRandomModel,
  writePictureModel,
  type ModelShape,
} from "@waggle/testing/models";
import { getLlama, LlamaLogLevel, type Llama, type Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTokenBytes } from "../text/token-bytes.ts";
import { readVocabulary } from "../text/vocabulary.ts";

const english =
  "The worker keeps the tokens of a finished conversation in memory. When the next message of the same conversation " +
  "arrives, it computes only the new part of the prompt, so the first word of the answer appears sooner. If another " +
  "user needs the memory, the oldest conversation is removed first.\n\nPlease read the file before you change it, and " +
  "explain what you found in a few sentences.\n";
const code = `export async function readLines(path: string, limit = 1_000): Promise<string[]> {
  const content = await readFile(path, "utf8");
  const lines = content.split("\\n");
  if (lines.length > limit) {
    throw new Error(\`Cannot read \${path}: it has \${lines.length} lines\`);
  }
  return lines.filter((line) => line.trim() !== "");
}
`;

const folder = mkdtempSync(join(tmpdir(), "waggle-random-"));
let llama: Llama;
beforeAll(async () => {
  const quietly = { progressLogs: false, logLevel: LlamaLogLevel.disabled };
  llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: 1, ...quietly });
});
afterAll(async () => {
  await llama.dispose();
});

describe("a made-up model in Q4_K_M", () => {
  const shape: ModelShape = { ...shapeNamed("1b"), layers: 8, vocabulary: 2_048, context: 512, heads: 4, kvHeads: 2 };
  test.each([
    ["whose matrices have K-quants", { width: 256, feedForward: 512 }],
    ["whose columns do not fill the blocks of K-quants", { width: 288, feedForward: 544 }],
  ])("%s computes finite, low probabilities", async (_, sizes) => {
    const modelPath = join(folder, `${sizes.width}.gguf`);
    writeRandomModel({ ...shape, ...sizes }, modelPath, { quantization: "Q4_K_M" });
    await using model = await llama.loadModel({ modelPath });
    await using context = await model.createContext({ contextSize: 512, threads: 1 });
    const sequence = context.getSequence();
    const answer: Token[] = [];
    const options = { temperature: 0.8, seed: 1, yieldEogToken: true };
    for await (const token of sequence.evaluate([...model.tokenize(english)], options)) {
      answer.push(token);
      if (answer.length === 300) break;
    }
    expect(new Set(answer).size).toBeGreaterThan(100);
    const [last] = await sequence.controlledEvaluate([
      [answer.at(-1) as Token, { generateNext: { probabilities: true } }],
    ]);
    const probabilities = [...(last?.next.probabilities?.values() ?? [])];
    expect(probabilities).toHaveLength(2_048);
    expect(probabilities.filter((probability) => !(probability > 0 && probability < 0.1))).toEqual([]);
  });
});

test.each(pictureShapes)("the text model of a made-up %s answers differently to different texts", async (shape) => {
  await using model = await llama.loadModel({ modelPath: writePictureModel({ folder, shape }).model });
  await using context = await model.createContext({ contextSize: 512, threads: 1 });
  const answers: Token[][] = [];
  for (const text of [english, code]) {
    const sequence = context.getSequence();
    const answer: Token[] = [];
    for await (const token of sequence.evaluate([...model.tokenize(text)], { temperature: 0, yieldEogToken: true })) {
      answer.push(token);
      if (answer.length === 40) break;
    }
    await sequence.dispose();
    answers.push(answer);
    expect(new Set(answer).size).toBeGreaterThan(15);
  }
  expect(answers[0]).not.toEqual(answers[1]);
});

describe("the vocabulary of made-up models", () => {
  test("has about four bytes per token in English and code, and every byte of a text", async () => {
    const modelPath = join(folder, "vocabulary.gguf");
    const narrow = { layers: 1, width: 32, heads: 1, kvHeads: 1, feedForward: 32 };
    writeRandomModel({ ...shapeNamed("1b"), ...narrow }, modelPath);
    await using model = await llama.loadModel({ modelPath, vocabOnly: true });
    const tokenBytes = createTokenBytes(readVocabulary(model));
    const latin = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1");
    for (const text of [english, code, `${latin} 蜂 🐝 baba </s>\r\n\t  x`]) {
      const tokens = model.tokenize(text);
      expect(Buffer.concat(tokens.map((token) => tokenBytes(token))).toString("utf8")).toBe(text);
    }
    for (const text of [english, code]) {
      const bytesPerToken = text.length / model.tokenize(text).length;
      expect(bytesPerToken).toBeGreaterThan(3.5);
      expect(bytesPerToken).toBeLessThan(5.5);
    }
  });
});
