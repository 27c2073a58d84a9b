// Owns the scenarios that show what the prompts of other slots cost a token: where all slots share one KV cache, each row tests all used cells.
import { decodeFigures } from "./figures.ts";
import type { BenchCase, Scenario, CaseInput } from "./scenario.ts";

const slots = 8;
const longTokens = 2_000;
const shortTokens = 200;
const maxTokens = 64;

/** Tokens of the prompt of each slot; the slots from `idle` on stay idle while tokens are measured. */
interface Prompts {
  readonly label: string;
  readonly tokens: readonly number[];
  readonly idle: number;
}

const all: readonly Prompts[] = [
  { label: `${slots} unlike prompts of ${longTokens}`, tokens: Array<number>(slots).fill(longTokens), idle: slots },
  {
    label: `${shortTokens} next to ${slots - 1} idle slots of ${longTokens}`,
    tokens: [shortTokens, ...Array<number>(slots - 1).fill(longTokens)],
    idle: 1,
  },
];

export const neighbours: Scenario = { name: "neighbours", cases: () => all.map(benchCase) };

/** Every slot reads its prompt once, before the first round: then the rounds measure nothing but the decoding. */
function benchCase({ label, tokens, idle }: Prompts): BenchCase {
  const prompts = new Map<string, readonly { readonly prompt: string; readonly sessionId: string }[]>();
  return {
    label,
    contextTokens: longTokens + maxTokens + 1,
    async prepare({ targetName, ...input }: CaseInput) {
      const made = tokens.map((count, slot) => ({
        prompt: input.prompts.make(count, input.seed(slot)),
        sessionId: `bench-${targetName}-${input.seed(slot)}`,
      }));
      prompts.set(targetName, made);
      for (const one of made) await input.generate({ ...one, maxTokens: 1 });
    },
    async play({ targetName, generate }) {
      const running = (prompts.get(targetName) ?? []).slice(0, idle);
      return decodeFigures(await Promise.all(running.map((one) => generate({ ...one, maxTokens }))));
    },
  };
}
