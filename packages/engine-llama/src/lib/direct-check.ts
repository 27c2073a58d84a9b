// Owns the proof that the library's inside works as we use it: the same two tokens are computed by its public interface and by its context object, and
// every number has to be the same.
import type { LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import type { DirectLibrary, DirectSampler, NativeStep } from "./library-context.ts";
import { rawLogits } from "./raw-logits.ts";

/** Of any model. */
const probe = [0, 1] as const;
const sequenceId = 0;
/** Changes nothing, and selects the most probable token. */
const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 };

/**
 * @param sequence the context's first one, which holds nothing; so it is left
 * @returns why the inside cannot be used, as the end of a sentence; undefined where it can
 */
export async function directProblem(
  library: DirectLibrary,
  sequence: LlamaContextSequence,
): Promise<string | undefined> {
  const [first, second] = probe as readonly number[] as LlamaToken[];
  if (first === undefined || second === undefined) throw new Error("There is nothing to compute");
  const generateNext = { token: true, logits: { filter: { tokens: [first], includeSelected: true } }, options: greedy };
  const { next } = (await sequence.controlledEvaluate([first, [second, { generateNext }]]))[1] ?? {};
  await sequence.clearHistory();
  if (next?.token === undefined || next.logits === undefined)
    return "the public interface gave nothing to compare with";
  try {
    return await compare(library, { token: next.token ?? -1, logits: next.logits });
  } catch (error) {
    return `it failed: ${(error as Error).message}`;
  } finally {
    library.context.disposeSequence(sequenceId);
  }
}

async function compare(
  library: DirectLibrary,
  expected: { readonly token: number; readonly logits: ReadonlyMap<number, number> },
): Promise<string | undefined> {
  const { context } = library;
  const sampler = library.createSampler();
  const place = fill(library);
  if (place === undefined) return "a batch does not tell where its logits are";
  await context.decodeBatch();
  sampler.applyConfig({ ...greedy, seed: 1 });
  const token = await context.sampleToken(place, sampler);
  const { logits } = await rawLogits(context, library.createSampler(), place, { tokens: [0], top: 1, total: true });
  const same = [...expected.logits].every(([id, logit]) => logits.get(id) === logit);
  if (token !== expected.token || !same) return "it computes something else";
  return library.native === undefined ? undefined : await compareStep(library, library.native, sampler, token);
}

async function compareStep(
  library: DirectLibrary,
  native: NativeStep,
  sampler: DirectSampler,
  expected: number,
): Promise<string | undefined> {
  library.context.disposeSequence(sequenceId);
  const place = fill(library) ?? -1;
  const [seeds, topCounts] = [Uint32Array.of(1), Uint32Array.of(0)];
  const [token] = await native.decodeBatchAndSample(Int32Array.of(place), [sampler], seeds, topCounts);
  const [, , , most] = native.getLogits(place, 1, new Uint32Array(), false);
  return token === expected && most === expected ? undefined : "its native step samples something else";
}

function fill({ context }: DirectLibrary): number | undefined {
  context.initBatch(probe.length);
  return context.addToBatch(sequenceId, 0, Uint32Array.from(probe), Uint32Array.of(1))[0];
}
