// Compares decide jobs on made-up models of single precision with the library's public interface, which computes each answer from an empty context.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createEngine,
  entryTokens,
  type Backend,
  type DecideWork,
  type EngineEvent,
  type JobEvent,
  type Reading,
  type Token,
} from "@waggle/engine";
import { shapeNamed, writeRandomModel, writeSinglePrecision } from "@waggle/testing/models";
import fc from "fast-check";
import type { LlamaContext, LlamaContextSequence, LlamaModel } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { openLlama } from "../load/llama.ts";
import { loadLlamaBackend } from "../load/load.ts";
import { askPublicly } from "../passes/oracle.ts";

const size = { slots: 2, contextSize: 768, batchSize: 256, threads: 1, device: "cpu" as const };
const cacheTypes = { experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" } as const;
const folder = mkdtempSync(join(tmpdir(), "waggle-decide-"));

describe.each(["qwen", "mamba"])("a decide job on a model like %s", (shape) => {
  let backend: Backend;
  let model: LlamaModel;
  let context: LlamaContext;
  let sequence: LlamaContextSequence;
  beforeAll(async () => {
    const [quantized, modelPath] = [join(folder, `${shape}-q8.gguf`), join(folder, `${shape}.gguf`)];
    writeRandomModel({ ...shapeNamed(shape), layers: 2, vocabulary: 1_500, context: 768 }, quantized);
    writeSinglePrecision(quantized, modelPath);
    const { llama } = await openLlama({ device: "cpu", maxThreads: 1 }, () => {});
    model = await llama.loadModel({ modelPath });
    const { contextSize, batchSize, threads } = size;
    context = await model.createContext({ contextSize, batchSize, threads, flashAttention: false, ...cacheTypes });
    sequence = context.getSequence();
    const exact = { cacheTypeK: "f32", cacheTypeV: "f32", flashAttention: "off" } as const;
    backend = await loadLlamaBackend({ modelPath, ...size, ...exact });
  });
  afterAll(async () => {
    await backend.dispose();
    await context.dispose();
    await model.dispose();
  });

  const known = new Map<string, Promise<(token: Token) => number>>();

  function logprobsBehind(tokens: readonly Token[]): Promise<(token: Token) => number> {
    const computed = known.get(tokens.join()) ?? computeBehind(tokens);
    known.set(tokens.join(), computed);
    return computed;
  }

  async function computeBehind(tokens: readonly Token[]): Promise<(token: Token) => number> {
    await sequence.clearHistory();
    const { logits } = await askPublicly(sequence, tokens);
    const [greatest = 0] = logits.values();
    const total = [...logits.values()].reduce((sum, logit) => sum + Math.exp(logit - greatest), 0);
    return (token) => (logits.get(token) ?? NaN) - greatest - Math.log(total);
  }

  async function naiveScores(work: DecideWork, { content, options, ends }: Reading): Promise<number[]> {
    const generator = backend.generator as NonNullable<Backend["generator"]>;
    const texts = [...work.state.messages.map((message) => message.content), ...content];
    const text = texts.map((part) => (typeof part === "string" ? part : "text" in part ? part.text : "")).join("");
    const input = { kind: "messages", messages: [{ role: "user", content: text }] } as const;
    const { prompt, rests } = await generator.answerTokenizer()(input, options.flat());
    const root = entryTokens(prompt.entries);
    let next = 0;
    const scores: number[] = [];
    for (const texts of options) {
      let sum = 0;
      for (const _ of texts) {
        const rest = rests[next++] ?? [];
        let score = 0;
        for (const [i, token] of rest.entries()) score += (await logprobsBehind([...root, ...rest.slice(0, i)]))(token);
        if (ends) {
          const behind = await logprobsBehind([...root, ...rest]);
          score += Math.log(generator.endTokens.reduce((p, token) => p + Math.exp(behind(token)), 0));
        }
        sum += Math.exp(score);
      }
      scores.push(Math.log(sum));
    }
    return scores;
  }

  async function decide(work: DecideWork): Promise<{ events: JobEvent[]; tokens: number }> {
    const seen: EngineEvent[] = [];
    const events = (): JobEvent[] => seen.flatMap((event) => (event.type === "step" ? event.events : []));
    await new Promise<void>((resolve) => {
      const engine = createEngine({
        ...{ backend, limits: { prefixStoreBytes: 0, maxWaiting: 8 }, now: () => performance.now(), random32: () => 1 },
        emit(event) {
          seen.push(event);
          if (events().some(({ type }) => type === "finished" || type === "failed"))
            engine.handle({ type: "shutdown" });
        },
      });
      const jobId = "d";
      engine.handle({ type: "prepare", job: { jobId, work, cacheScope: "alice", priority: 0 } });
      engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
      void engine.run().then(resolve);
    });
    const tokens = seen.reduce((sum, event) => sum + (event.type === "step" ? (event.stats?.tokens ?? 0) : 0), 0);
    return { events: events(), tokens };
  }

  async function expectScores(work: DecideWork): Promise<{ promptTokens: number; tokens: number }> {
    const { events, tokens } = await decide(work);
    const end = events.at(-1);
    if (end?.type !== "finished") throw new Error(JSON.stringify(end));
    const vectors = events.flatMap((event) => (event.type === "embedding" ? [event.vector] : []));
    expect(vectors).toHaveLength(work.readings.length);
    for (const [i, reading] of work.readings.entries()) {
      const naive = await naiveScores(work, reading);
      naive.forEach((score, option) => expect(Math.abs((vectors[i]?.[option] ?? NaN) - score)).toBeLessThan(1e-4));
    }
    return { promptTokens: end.promptTokens, tokens };
  }

  const workOf = (state: string, readings: Reading[]): DecideWork => {
    return { kind: "decide", state: { messages: [{ role: "user", content: state }] }, readings };
  };
  const reading = (text: string, options: Reading["options"], ends = false): Reading => {
    return { content: [{ type: "text", text }], options, ends };
  };

  test("scores labels, codes, aliases and whole texts as fresh passes do", async () => {
    const state = "The parcel arrived wet, and the lamp in it was broken. ";
    const codes = Array.from({ length: 27 }, (_, i) => [String.fromCharCode(65 + Math.floor(i / 26), 65 + (i % 26))]);
    const texts = [["refund"], ["refund now"], ["no"], ["no refund"], ["蜜蜂 🐝"], ["__proto__"], [" "], ["</s>"]];
    const { promptTokens, tokens } = await expectScores(
      workOf(state, [
        reading("What now?\nAnswer with a label.", [["A"], ["B"], ["C"]]),
        reading("Damaged?", [
          ["yes", "Yes", "YES"],
          ["no", "No", "NO"],
        ]),
        reading("Which code?", codes),
        reading("Which text?", texts, true),
        reading("One?", [["1"]], true),
      ]),
    );
    // Shorter targets are padded, and a recurrent model continues from a checkpoint.
    expect(tokens).toBeGreaterThanOrEqual(promptTokens);
  });

  test("goes back to the prefix for each branch, or computes at most 31 tokens more", async () => {
    const options = [["no"], ["no refund"], ["refund"], ["refund now"]];
    const readings = Array.from({ length: 6 }, (_, i) => reading(`Lamp ${i}?`, options, true));
    const { events, tokens } = await decide(workOf("The parcel is wet, and its lamp is not.".repeat(20), readings));
    const end = events.at(-1);
    if (end?.type !== "finished") throw new Error(JSON.stringify(end));
    // A reading has at most one branch for each option.
    expect(tokens).toBeLessThanOrEqual(end.promptTokens + 31 * readings.length * options.length);
  });

  test("scores answers that begin alike, wherever their tokens end", async () => {
    const words = fc.array(fc.constantFrom("no", " refund", "re", "fund", "s", " ", "é", "蜜"), {
      minLength: 1,
      maxLength: 4,
    });
    const options = fc.uniqueArray(
      words.map((parts) => parts.join("")).filter((text) => text.trim() !== ""),
      { minLength: 2, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(options, { minLength: 1, maxLength: 3 }), async (questions) => {
        await expectScores(
          workOf(
            "The hive is warm.",
            questions.map((texts, i) =>
              reading(
                `Question ${i}`,
                texts.map((text) => [text]),
                true,
              ),
            ),
          ),
        );
      }),
      { numRuns: inject("runs").modelProperty },
    );
  });
});
