// Generates in one slot of a backend, for tests.
import type { EntryResult, SlotSampling, Token } from "@waggle/engine";
import type { DrivenBackend } from "@waggle/engine/testing";

type Sampled = Extract<EntryResult, { kind: "token" }>;

export interface Generation {
  readonly slot: number;
  readonly prompt: readonly Token[];
  readonly sampling: SlotSampling;
  /** Maximum number of tokens to sample; the generation may end earlier. */
  readonly count: number;
  /** Number of tokens that the slot keeps of its last job, at most. */
  readonly keep?: number;
  /** Maximum number of tokens of the prompt in a step. */
  readonly chunk?: number;
}

export interface Generated {
  /** Number of tokens that the slot kept. */
  readonly kept: number;
  readonly results: readonly Sampled[];
  readonly tokens: readonly Token[];
}

/** @throws Error if an entry that samples has no token */
export async function generate(
  backend: DrivenBackend,
  { slot, prompt, sampling, count, keep = 0, chunk = prompt.length }: Generation,
): Promise<Generated> {
  const kept = await backend.begin(slot, keep, sampling);
  const results: Sampled[] = [];
  for (let from = kept; from < prompt.length; from += chunk) {
    const sample = from + chunk >= prompt.length;
    const entry = { kind: "prefill", slot, tokens: prompt.slice(from, from + chunk), sample } as const;
    const [result] = await backend.step([entry]);
    if (sample) results.push(sampled(result));
  }
  const isOver = (): boolean => results.length >= count || backend.isEndOfGeneration(results.at(-1)?.token ?? -1);
  while (!isOver()) results.push(sampled((await backend.step([{ kind: "decode", slot }]))[0]));
  await backend.end(slot);
  return { kept, results, tokens: results.map(({ token }) => token) };
}

function sampled(result: EntryResult | undefined): Sampled {
  if (result?.kind !== "token") throw new Error(`Expected a token and got ${JSON.stringify(result)}`);
  return result;
}
