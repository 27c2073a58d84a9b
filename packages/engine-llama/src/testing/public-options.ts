// Translates sampling settings to options of the library's public interface, for tests that compare with the interface's tokens.
import type { SlotSampling, Token } from "@waggle/engine";
import { TokenBias, type LlamaModel, type SequenceEvaluateOptions, type Token as LlamaToken } from "node-llama-cpp";

/** Without grammar, DRY, infill and `ignore_eos`. @param history all tokens in front of the sampled one */
export function publicOptions(
  sampling: SlotSampling,
  model: LlamaModel,
  history: readonly Token[],
): SequenceEvaluateOptions {
  const tokenBias = TokenBias.for(model);
  for (const [id, logit] of Object.entries(sampling.logit_bias ?? {})) {
    tokenBias.set(Number(id) as LlamaToken, { logit: logit === -100 ? -1e9 : logit });
  }
  return {
    temperature: sampling.temperature,
    topK: sampling.top_k,
    topP: sampling.top_p,
    minP: sampling.min_p,
    xtc: { probability: sampling.xtc_probability, threshold: sampling.xtc_threshold },
    repeatPenalty: {
      punishTokens: history.slice(-sampling.repeat_last_n) as LlamaToken[],
      maxPunishTokens: sampling.repeat_last_n,
      penalty: sampling.repeat_penalty,
      presencePenalty: sampling.presence_penalty,
      frequencyPenalty: sampling.frequency_penalty,
    },
    tokenBias,
  };
}
