// Checks at each load that a decoder works with the installed library: it decodes two tokens, and its result must be the public interface's.
import { greedy, type BatchDecoder } from "./batch-decoder.ts";
import type { Library } from "./library-context.ts";
import type { PublicAnswer } from "./oracle.ts";

/** Token ids that every model has. */
export const probe: readonly number[] = [0, 1];
const sequence = 0;
/** Greatest difference of two equal logits, as a part of the distance between the greatest and the median logit. GPUs do not round the same way each time. */
const tolerance = 0.01;

/**
 * @param expected the public interface's answer to the probe
 * @returns why the decoder cannot be used, as the end of a sentence; undefined if it can. The first sequence is empty afterwards.
 */
export async function decoderProblem(
  decoder: BatchDecoder,
  { context }: Library,
  expected: PublicAnswer,
): Promise<string | undefined> {
  try {
    const last = probe.length - 1;
    const sampler = decoder.createSampler();
    sampler.configure(greedy);
    const [token = -1] = await decoder.decode(
      {
        tokens: Int32Array.from(probe),
        sequences: Int32Array.from(probe, () => sequence),
        positions: Int32Array.from(probe.keys()),
        outputs: Int32Array.of(last),
      },
      { at: Int32Array.of(last), samplers: [sampler], seeds: Uint32Array.of(1), topCounts: Uint32Array.of(0) },
    );
    const { logits } = await decoder.logits(last, { tokens: [], top: "all", total: false });
    return difference({ token, logits }, expected);
  } catch (error) {
    return `it failed: ${(error as Error).message}`;
  } finally {
    context.disposeSequence(sequence);
  }
}

function difference(given: PublicAnswer, { token, logits }: PublicAnswer): string | undefined {
  const values = [...logits.values()];
  const [greatest = NaN, median = NaN] = [values[0], values[values.length >> 1]];
  const most = tolerance * (greatest - median);
  const isSame = ([id, logit]: readonly [number, number]): boolean => {
    const other = given.logits.get(id) ?? NaN;
    // Some models have logits that are infinite or not a number.
    return Object.is(other, logit) || Math.abs(other - logit) <= most;
  };
  if (![...logits].every(isSame)) return "it computes other logits";
  if (given.token === token || (logits.get(given.token ?? -1) ?? NaN) >= greatest - most) return undefined;
  return "it samples another token";
}
