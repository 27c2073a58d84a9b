// Describes a sampled token for its sequence: its bytes, and what the model means by it.
import type { Backend } from "../port/backend.ts";
import type { Token } from "../port/steps.ts";
import { generatorOf } from "./prepare.ts";
import type { SampledToken } from "./sequence.ts";

/** What describes a token. */
export type TokenModel = Pick<Backend, "info" | "tokenBytes" | "generator">;

export function describeSampled(token: Token, model: TokenModel): SampledToken {
  const generator = generatorOf(model);
  return {
    token,
    bytes: model.tokenBytes(token),
    mark: generator.markOf(token),
    endOfGeneration: generator.isEndOfGeneration(token),
  };
}
