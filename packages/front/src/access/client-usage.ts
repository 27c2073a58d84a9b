// Owns the counts of one client: requests, jobs by their ends, and tokens by model.
import type { Outcome } from "@waggle/jobs";
import type { ClientUsage } from "@waggle/protocol";

export interface TokenCounts {
  /** Prompt tokens, including cached ones. */
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
}

export interface ClientCounts {
  accepted(): void;
  refused(): void;
  ended(outcome: Outcome["type"]): void;
  used(model: string, tokens: TokenCounts): void;
  report(): Omit<ClientUsage, "client" | "admin" | "running" | "quota">;
}

export const noTokens: TokenCounts = { prompt: 0, cached: 0, completion: 0 };

export function createClientCounts(): ClientCounts {
  const requests = { accepted: 0, refused: 0 };
  const jobs = { finished: 0, failed: 0, cancelled: 0 };
  /** Tokens by model. At most as many entries as the worker has models. */
  const models = new Map<string, TokenCounts>();

  return {
    accepted: () => void (requests.accepted += 1),
    refused: () => void (requests.refused += 1),
    ended: (outcome) => void (jobs[outcome] += 1),
    used: (model, tokens) => void models.set(model, sum(models.get(model) ?? noTokens, tokens)),
    report: () => ({
      requests: { ...requests },
      jobs: { ...jobs },
      ...onWire([...models.values()].reduce(sum, noTokens)),
      models: Object.fromEntries([...models].map(([model, tokens]) => [model, onWire(tokens)])),
    }),
  };
}

function sum(one: TokenCounts, other: TokenCounts): TokenCounts {
  return {
    prompt: one.prompt + other.prompt,
    cached: one.cached + other.cached,
    completion: one.completion + other.completion,
  };
}

function onWire({ prompt, cached, completion }: TokenCounts): ClientUsage["models"][string] {
  return { prompt_tokens: prompt, cached_tokens: cached, completion_tokens: completion };
}
