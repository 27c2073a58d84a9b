// Owns the cards with single values: of the worker, its engines, memory and queue.
import type { WorkerInfo } from "@waggle/protocol";
import type { VNode } from "preact";
import { Facts, type Fact } from "../parts/facts.tsx";
import { engineFigures, workerFigures, type EngineFigures } from "./figures.ts";
import type { Scrape } from "./prometheus.ts";
import type { WorkerWatch } from "./watch-worker.ts";
import { pieceWords } from "./words.ts";
import { formatBytes, formatCount, formatDuration, formatShare } from "../parts/format.ts";

export function About({ watch, info }: { readonly watch: WorkerWatch; readonly info: WorkerInfo }): VNode {
  const models = watch.models.statuses.value?.models.length ?? 1;
  const offline = watch.presence.value === "offline";
  const colour = offline || info.state === "failed" ? "bad" : info.state === "ready" ? "good" : "warn";
  const reason = watch.health.value?.reason;
  const facts: readonly Fact[] = [
    models > 1 ? ["Models", String(models)] : ["Model", info.model],
    ["Backend", backendWords(info)],
    ["Context", models > 1 ? undefined : contextWords(info)],
    ["Access", info.local_mode ? "this machine only" : "network, with API tokens"],
    [offline ? "Was up for" : "Up for", formatDuration(info.uptime_ms)],
    ["Version", info.version],
  ];
  return (
    <section class="card" aria-labelledby="about-title">
      <div class="spread">
        <h2 id="about-title" class="anywhere">
          {info.worker_id}
        </h2>
        <span class={`badge ${colour}`}>{offline ? "offline" : stateWords[info.state]}</span>
      </div>
      {!offline && info.state !== "ready" && reason !== undefined && <p class="notice anywhere">{reason}</p>}
      <Facts facts={facts.filter(([name, value]) => name !== "Context" || value !== undefined)} />
    </section>
  );
}

function contextWords({ context_size: one, context_pool: all }: WorkerInfo): string | undefined {
  if (one === undefined) return undefined;
  const pool = all === undefined || all === one ? "" : `, ${formatCount(all)} for all together`;
  return `${formatCount(one)} tokens for one job${pool}`;
}

const stateWords: Readonly<Record<WorkerInfo["state"], string>> = {
  starting: "starting",
  loading: "loading",
  ready: "ready",
  disconnected: "no connection to NATS",
  draining: "shutting down",
  stopped: "stopped",
  failed: "failed",
};

/** Only a loaded engine reports the device, the build and the binding; otherwise, the text is the backend's name. */
function backendWords({ backend, device, engine_build: build, engine_binding: binding }: WorkerInfo): string {
  if (backend === "fake") return "fake backend, no model";
  const words = [device, build, binding === undefined ? undefined : `binding: ${binding}`];
  return device === undefined ? backend : words.filter(Boolean).join(", ");
}

export function QueueCard({ scrape }: { readonly scrape: Scrape }): VNode {
  const { waiting, queueCapacity, oldestSeconds, refused, accepted } = workerFigures(scrape);
  return (
    <section class="card" aria-labelledby="queue-title">
      <h2 id="queue-title">Queue</h2>
      <Facts
        facts={[
          ["Waiting", waiting === undefined ? undefined : formatCount(waiting)],
          ["Capacity", queueCapacity === undefined ? undefined : formatCount(queueCapacity)],
          [
            "Oldest wait",
            waiting === 0 || oldestSeconds === undefined ? undefined : formatDuration(oldestSeconds * 1_000),
          ],
          ["Rejected since start", formatCount(refused)],
          ["Accepted since start", formatCount(accepted)],
        ]}
      />
    </section>
  );
}

interface MemoryProps {
  readonly scrape: Scrape;
  readonly gateway: boolean;
}

export function MemoryCard({ scrape, gateway }: MemoryProps): VNode {
  const { workerBytes, enginesBytes, machineBytes, freeBytes } = workerFigures(scrape);
  const facts: readonly Fact[] = [
    ["Worker process", bytes(workerBytes)],
    ["Engines, with models", bytes(enginesBytes)],
    ["Free on this machine", bytes(freeBytes)],
    ["Total on this machine", bytes(machineBytes)],
  ];
  return (
    <section class="card" aria-labelledby="memory-title">
      <h2 id="memory-title">Memory</h2>
      <Facts facts={gateway ? [["Gateway process", bytes(workerBytes)]] : facts} />
    </section>
  );
}

export function EnginesCard({ scrape, info }: { readonly scrape: Scrape; readonly info: WorkerInfo }): VNode | null {
  const engines = engineFigures(scrape);
  if (engines.length === 0) return null;
  const pieces = engines.length === 1 ? pieceWords(info) : undefined;
  return (
    <section class="card" aria-labelledby="engines-title">
      <div class="spread">
        <h2 id="engines-title">{engines.length === 1 ? "Engine and cache" : "Engines and caches"}</h2>
        <span class="small muted">{backendWords(info)}</span>
      </div>
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
