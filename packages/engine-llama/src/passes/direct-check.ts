// Checks at each start that the library's internals work as expected. Its public API and its internal context object compute the same two tokens,
// and must have the same results.
import type { LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { greedy, type DirectLibrary, type DirectSampler, type NativeStep } from "./library-context.ts";
import { rawLogits } from "./raw-logits.ts";

/** Token ids that every model has. */
const probe = [0, 1] as const;
const sequenceId = 0;

/**
 * @param sequence the context's first sequence; empty before and after the check
 * @returns why the internals cannot be used, as the end of a sentence; undefined if they can
 */
export async function directProblem(
  library: DirectLibrary,
  sequence: LlamaContextSequence,
): Promise<string | undefined> {
  const [first, second] = probe as readonly number[] as LlamaToken[];
  if (first === undefined || second === undefined) throw new Error("The check has no tokens to compute");
  const generateNext = { token: true, logits: { filter: { tokens: [first], includeSelected: true } }, options: greedy };
  const { next } = (await sequence.controlledEvaluate([first, [second, { generateNext }]]))[1] ?? {};
  await sequence.clearHistory();
  if (next?.token === undefined || next.logits === undefined)
    return "the public API returned no logits to compare with";
  try {
    return await compare(library, { token: next.token ?? -1, logits: next.logits });
  } catch (error) {
    return `the context object failed: ${(error as Error).message}`;
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
  const position = fill(library);
  if (position === undefined) return "the context object returns no positions of logits";
  await context.decodeBatch();
  sampler.applyConfig({ ...greedy, seed: 1 });
  const token = await context.sampleToken(position, sampler);
  const { logits } = await rawLogits(context, library.createSampler(), position, { tokens: [0], top: 1, total: true });
  const same = [...expected.logits].every(([id, logit]) => logits.get(id) === logit);
  if (token !== expected.token || !same) return "the context object computes other logits";
  return library.native === undefined ? undefined : await compareStep(library, library.native, sampler, token);
}

async function compareStep(
  library: DirectLibrary,
  native: NativeStep,
  sampler: DirectSampler,
  expected: number,
): Promise<string | undefined> {
  library.context.disposeSequence(sequenceId);
  const position = fill(library) ?? -1;
  const [seeds, topCounts] = [Uint32Array.of(1), Uint32Array.of(0)];
  const [token] = await native.decodeBatchAndSample(Int32Array.of(position), [sampler], seeds, topCounts);
  const [, , , most] = native.getLogits(position, 1, new Uint32Array(), false);
  return token === expected && most === expected ? undefined : "the native step samples another token";
}

function fill({ context }: DirectLibrary): number | undefined {
  context.initBatch(probe.length);
  return context.addToBatch(sequenceId, 0, Uint32Array.from(probe), Uint32Array.of(1))[0];
}
