// Owns the cards with single figures: the worker itself, its engines, memory and queue.
import type { WorkerInfo } from "@waggle/protocol";
import type { VNode } from "preact";
import { byteWords } from "../models/model-words.ts";
import { Facts } from "./facts.tsx";
import type { Fact } from "./facts.tsx";
import { engineFigures, workerFigures } from "./figures.ts";
import type { EngineFigures } from "./figures.ts";
import type { Scrape } from "./prometheus.ts";
import type { WorkerWatch } from "./watch-worker.ts";
import { duration, shareWords } from "./words.ts";

export function About({ watch, info }: { readonly watch: WorkerWatch; readonly info: WorkerInfo }): VNode {
  const models = watch.models.statuses.value?.models.length ?? 1;
  const offline = watch.presence.value === "offline";
  const colour = offline || info.state === "failed" ? "bad" : info.state === "ready" ? "good" : "warn";
  const reason = watch.health.value?.reason;
  const facts: readonly Fact[] = [
    models > 1 ? ["Models", String(models)] : ["Model", info.model],
    ["Backend", backendWords(info)],
    [
      "Context",
      models > 1 || info.context_size === undefined
        ? undefined
        : `${info.context_size.toLocaleString("en")} tokens per slot`,
    ],
    ["Access", info.local_mode ? "this machine only" : "network, with API tokens"],
    [offline ? "Was up for" : "Up for", duration(info.uptime_ms)],
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

const stateWords: Readonly<Record<WorkerInfo["state"], string>> = {
  starting: "starting",
  loading: "loading",
  ready: "ready",
  draining: "shutting down",
  stopped: "stopped",
  failed: "failed",
};

/** The device and the build are those of a loaded engine: until there is one, only the backend's name is known. */
function backendWords({ backend, device, engine_build: build }: WorkerInfo): string {
  if (backend === "fake") return "fake: no model";
  return device === undefined ? backend : [device, build].filter(Boolean).join(", ");
}

export function QueueCard({ scrape }: { readonly scrape: Scrape }): VNode {
  const { waiting, queueCapacity, oldestSeconds, refused, accepted } = workerFigures(scrape);
  return (
    <section class="card" aria-labelledby="queue-title">
      <h2 id="queue-title">Queue</h2>
      <Facts
        facts={[
          ["Waiting", waiting === undefined ? undefined : count(waiting)],
          ["Capacity", queueCapacity === undefined ? undefined : count(queueCapacity)],
          ["Oldest wait", waiting === 0 || oldestSeconds === undefined ? undefined : duration(oldestSeconds * 1_000)],
          ["Refused since start", count(refused)],
          ["Accepted since start", count(accepted)],
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
    ["Machine has", bytes(machineBytes)],
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
  return (
    <section class="card" aria-labelledby="engines-title">
      <div class="spread">
        <h2 id="engines-title">{engines.length === 1 ? "Engine and cache" : "Engines and caches"}</h2>
        <span class="small muted">{backendWords(info)}</span>
      </div>
      {engines.map((engine) => (
        <div key={engine.model} class="engine" data-engine={engine.model}>
          {engines.length > 1 && <h3 class="anywhere">{engine.model}</h3>}
          <Facts facts={factsOf(engine)} />
        </div>
      ))}
    </section>
  );
}

function factsOf(engine: EngineFigures): readonly Fact[] {
  const { kvUse, prefixBytes, prefixStates, cachedShare, starts, deaths } = engine;
  return [
    ["Memory", bytes(engine.residentBytes)],
    ["Threads", engine.threads === undefined ? undefined : count(engine.threads)],
    ["KV cache in use", kvUse === undefined ? undefined : shareWords(kvUse)],
    [
      "Saved prefixes",
      prefixBytes === undefined ? undefined : `${count(prefixStates ?? 0)}, ${byteWords(prefixBytes)}`,
    ],
    ["Prompt tokens from cache", cachedShare === undefined ? undefined : shareWords(cachedShare)],
    ["Starts", count(starts)],
    ["Died or hung", count(deaths)],
  ];
}

function bytes(value: number | undefined): string | undefined {
  return value === undefined ? undefined : byteWords(value);
}

function count(value: number): string {
  return value.toLocaleString("en");
}
