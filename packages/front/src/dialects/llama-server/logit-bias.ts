// Reads llama-server's logit bias: by token or by text, a number or a ban.
import type { LlamaServerCompletionRequest, Sampling } from "@waggle/protocol";
import { llamaServerLimits } from "@waggle/protocol";
import { unsupported } from "../../body/fields.ts";

type Bias = LlamaServerCompletionRequest["logit_bias"];

/** Returns the tokens of a text, without BOS and control tokens. */
export type TokensOf = (text: string) => Promise<readonly number[]>;

/** Bounds of the native field. The least bias bans a token, and the greatest one forces a token. */
const [least, most] = [-100, 100];

/** @throws WaggleError invalid_argument naming the field; the errors of `tokensOf` */
export async function logitBiasOf(given: Bias, tokensOf: TokensOf): Promise<Sampling["logit_bias"]> {
  if (given == null) return undefined;
  // In an object all keys are texts, so a key of digits is a token.
  const entries = Array.isArray(given)
    ? given
    : Object.entries(given).map(([key, value]) => [/^\d{1,9}$/.test(key) ? Number(key) : key, value] as const);
  if (entries.length === 0) return undefined;
  const texts = entries.filter(([key]) => typeof key === "string").length;
  if (texts > llamaServerLimits.biasTexts)
    throw unsupported("logit_bias", `it has more than ${llamaServerLimits.biasTexts} texts`);
  const bias: Record<string, number> = {};
  for (const [key, value] of entries) {
    const amount = value === false ? least : Math.min(most, Math.max(least, value));
    const tokens = typeof key === "number" ? [key] : await tokensOf(key);
    for (const token of tokens) bias[token] = amount;
  }
  return bias;
}
