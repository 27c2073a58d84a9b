// Owns how raw logits are had from the library's sampling call, which returns what a sampler has left of them: so the samplers here leave all.
import type { DirectContext, DirectSampler, DirectSamplerConfig } from "./library-context.ts";
import type { LogitsRequest, PlaceLogits } from "./logit-sampler.ts";

/** Changes no logit and selects the most probable token. */
const greedy: DirectSamplerConfig = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 };

/** @param sampler one that nothing else uses meanwhile */
export async function rawLogits(
  context: DirectContext,
  sampler: DirectSampler,
  place: number,
  { tokens, top, total }: LogitsRequest,
): Promise<PlaceLogits> {
  const logits = new Map<number, number>();
  let totalWeight: number | undefined;
  const ask = async (
    config: DirectSamplerConfig,
    wanted: Parameters<DirectContext["sampleToken"]>[4],
    withTotal: boolean,
  ): Promise<void> => {
    sampler.applyConfig(config);
    const [, , , found = [], weight] = await context.sampleToken(place, sampler, false, false, wanted, withTotal);
    for (let i = 0; i < found.length; i += 2) logits.set(found[i] ?? 0, found[i + 1] ?? 0);
    totalWeight ??= weight;
  };

  if (top === "all") await ask(greedy, true, total);
  else {
    // Of a chain that keeps so many tokens: it finds them without sorting the others.
    if (top > 1) await ask({ ...greedy, temperature: 1, topK: top }, [[], false, false, false, top], false);
    if (total || top === 1 || tokens.length > 0) await ask(greedy, [tokens, false, false, true, 0], total);
  }
  return totalWeight === undefined ? { logits } : { logits, totalWeight };
}
