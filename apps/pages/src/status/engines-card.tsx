// Owns the card with the values of the engines and their caches.
import type { WorkerInfo } from "@waggle/protocol";
import type { VNode } from "preact";
import { Facts, type Fact } from "../parts/facts.tsx";
import { formatBytes, formatCount, formatCounted, formatMilliseconds, formatShare } from "../parts/format.ts";
import { engineFigures, type EngineFigures } from "./figures.ts";
import type { Scrape } from "./prometheus.ts";

export function EnginesCard({ scrape, info }: { readonly scrape: Scrape; readonly info: WorkerInfo }): VNode | null {
  const engines = engineFigures(scrape);
  if (engines.length === 0) return null;
  const pieces = engines.length === 1 ? pieceWords(info) : undefined;
  return (
    <section class="card" aria-labelledby="engines-title">
      <h2 id="engines-title">{engines.length === 1 ? "Engine and cache" : "Engines and caches"}</h2>
      {engines.map((engine) => (
        <div key={engine.model} class="engine stack tight" data-engine={engine.model}>
          {engines.length > 1 && <h3 class="anywhere">{engine.model}</h3>}
          <Facts facts={factsOf(engine)} />
        </div>
      ))}
      {pieces !== undefined && <p class="small">{pieces}</p>}
    </section>
  );
}

function factsOf(engine: EngineFigures): readonly Fact[] {
  const { kvUse, prefixBytes, prefixStates, cachedShare, guessed, rightGuesses, starts, deaths } = engine;
  const guesses = `${formatCount(rightGuesses)} of ${formatCount(guessed)} (${formatShare(rightGuesses / guessed)})`;
  return [
    ["Memory", bytes(engine.residentBytes)],
    ["Threads", engine.threads === undefined ? undefined : formatCount(engine.threads)],
    ["KV cache in use", formatShare(kvUse)],
    [
      "Saved prefixes",
      prefixBytes === undefined ? undefined : `${formatCount(prefixStates ?? 0)}, ${formatBytes(prefixBytes)}`,
    ],
    ["Prompt tokens from cache", formatShare(cachedShare)],
    ...(guessed === 0 ? [] : [["Right guesses of tokens", guesses] as const]),
    ["Starts", formatCount(starts)],
    ["Crashes and hangs", formatCount(deaths)],
  ];
}

function bytes(value: number | undefined): string | undefined {
  return value === undefined ? undefined : formatBytes(value);
}

/** A sentence about the pieces of a prompt behind 1,000 tokens, and about the attention. */
export function pieceWords({
  prompt_pieces: pieces = [],
  settings,
}: Pick<WorkerInfo, "prompt_pieces" | "settings">): string | undefined {
  const piece = pieces.find(({ context }) => context >= 1_000);
  if (piece === undefined) return undefined;
  const { context, tokens, step_ms: ms } = piece;
  const hasFlash = settings?.flash_attention;
  const attention = hasFlash === undefined ? "" : `, ${hasFlash ? "with" : "without"} flash attention`;
  return `While a stream runs, a prompt behind ${formatCounted(context, "token")} is read in pieces of ${formatCounted(tokens, "token")}, ${formatMilliseconds(ms)} each${attention}.`;
}
