// Reads raw logits with the library's call for sampling. The call returns the logits that a sampler has left, so these samplers leave all logits.
import { greedy, type DirectContext, type DirectSampler, type DirectSamplerConfig } from "./library-context.ts";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";

const mostProbable: DirectSamplerConfig = { ...greedy, seed: 1 };

/** @param sampler must not be used elsewhere during the call */
export async function rawLogits(
  context: DirectContext,
  sampler: DirectSampler,
  position: number,
  { tokens, top, total }: LogitsRequest,
): Promise<PositionLogits> {
  const logits = new Map<number, number>();
  let totalWeight: number | undefined;
  const ask = async (
    config: DirectSamplerConfig,
    wanted: Parameters<DirectContext["sampleToken"]>[4],
    withTotal: boolean,
  ): Promise<void> => {
    sampler.applyConfig(config);
    const [, , , found = [], weight] = await context.sampleToken(position, sampler, false, false, wanted, withTotal);
    for (let i = 0; i < found.length; i += 2) logits.set(found[i] ?? 0, found[i + 1] ?? 0);
    totalWeight ??= weight;
  };

  if (top === "all") await ask(mostProbable, true, total);
  else {
    // A top-k sampler finds the most probable tokens without sorting the others.
    if (top > 1) await ask({ ...mostProbable, temperature: 1, topK: top }, [[], false, false, false, top], false);
    if (total || top === 1 || tokens.length > 0) await ask(mostProbable, [tokens, false, false, true, 0], total);
  }
  return totalWeight === undefined ? { logits } : { logits, totalWeight };
}
