// Owns the worker's status page: who it is, what its slots do, and how it has been over the last minutes.
import { useComputed } from "@preact/signals";
import type { WorkerInfo } from "@waggle/protocol";
import type { VNode } from "preact";
import { ModelsPanel } from "../models/models-panel.tsx";
import { Brand } from "../parts/brand.tsx";
import { ThemeSwitch } from "../parts/theme-switch.tsx";
import { TokenButton, TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import { Plot } from "./plot.tsx";
import { seriesOf } from "./series.ts";
import { loadedModels } from "./watch-worker.ts";
import type { WorkerWatch } from "./watch-worker.ts";

export function StatusPage({ api, watch }: { readonly api: Api; readonly watch: WorkerWatch }): VNode {
  const info = watch.info.value;
  return (
    <>
      <header class="topbar">
        <div class="grow">
          <Brand title="Waggle status" href="/status" />
        </div>
        <TokenButton api={api} />
        <a class="button tiny" href="/">
          Chat
        </a>
        <ThemeSwitch />
      </header>
      <main class="board">
        <TokenNotice api={api} />
        {!watch.reachable.value && (
          <p class="notice bad" role="alert">
            The worker does not answer. Asking again…
          </p>
        )}
        {info !== undefined && <About info={info} models={watch.models.statuses.value?.models.length ?? 1} />}
        <ModelsPanel api={api} list={watch.models} />
        <SlotTable watch={watch} />
        <Plots watch={watch} />
      </main>
      <TokenDialog api={api} />
    </>
  );
}

/** @param models how many; what is true of one of them is told in its own row */
function About({ info, models }: { readonly info: WorkerInfo; readonly models: number }): VNode {
  const facts: readonly (readonly [string, string])[] = [
    models > 1 ? ["Models", String(models)] : ["Model", info.model],
    ["Backend", backendWords(info)],
    ...(models > 1 ? [] : factsOfOne(info)),
    ["Up for", duration(info.uptime_ms)],
    ["Version", info.version],
  ];
  const good = info.state === "ready";
  return (
    <section class="card" aria-labelledby="about-title">
      <div class="spread">
        <h2 id="about-title">{info.worker_id}</h2>
        <span class={`badge ${good ? "good" : info.state === "failed" ? "bad" : "warn"}`}>{info.state}</span>
      </div>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The device and the build are those of a loaded engine: until there is one, only the backend's name is known. */
function backendWords({ backend, device, engine_build: build }: WorkerInfo): string {
  if (backend === "fake") return "fake: no model";
  return device === undefined ? backend : [device, build].filter(Boolean).join(", ");
}

function factsOfOne(info: WorkerInfo): readonly (readonly [string, string])[] {
  return [
    ["Context", info.context_size === undefined ? "–" : `${info.context_size.toLocaleString("en")} tokens per slot`],
    ["Parameters", info.parameters === undefined ? "–" : info.parameters.toLocaleString("en")],
    ["Threads", info.threads === undefined ? "–" : String(info.threads)],
  ];
}

function SlotTable({ watch }: { readonly watch: WorkerWatch }): VNode {
  const slots = watch.slots.value;
  const loaded = loadedModels(watch.models.statuses.value?.models ?? []);
  const shown = watch.slotsModel.value;
  const busy = slots.filter(({ state }) => state !== "idle").length;
  return (
    <section class="card" aria-labelledby="slots-title">
      <div class="spread">
        <h2 id="slots-title">Slots</h2>
        {shown !== undefined && (
          <select
            class="choice small"
            aria-label="Slots of the model"
            value={shown}
            onChange={(event) => watch.showSlotsOf(event.currentTarget.value)}
          >
            {loaded.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
        <span class="small muted numbers">{`${busy} of ${slots.length} busy`}</span>
      </div>
      <ol class="slots">
        {slots.map((slot) => (
          <li class="slot" key={slot.id} data-state={slot.state}>
            <span class="spread">
              <strong class="numbers">{slot.id}</strong>
              <span class="small">{slot.state}</span>
            </span>
            <span class="small muted numbers">
              {slot.state === "idle" ? "–" : `${slot.prompt_tokens} prompt, ${slot.tokens} answer`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Plots({ watch }: { readonly watch: WorkerWatch }): VNode {
  const series = useComputed(() => seriesOf(watch.scrapes.value));
  const figures = series.value;
  const { times } = figures;
  return (
    <section class="plots" aria-label="The last minutes">
      <Plot
        title="Throughput"
        unit="tokens/s"
        times={times}
        lines={[{ label: "", colour: "line-a", values: figures.tokensPerSecond }]}
      />
      <Plot
        title="Batch width"
        unit="rows per step"
        times={times}
        lines={[{ label: "", colour: "line-a", values: figures.batchWidth }]}
      />
      <Plot
        title="Slots and queue"
        unit=""
        times={times}
        lines={[
          { label: "busy", colour: "line-a", values: figures.slotsBusy },
          { label: "waiting", colour: "line-b", values: figures.queueDepth },
        ]}
      />
      <Plot
        title="Time to first token"
        unit="ms"
        times={times}
        lines={[
          { label: "p50", colour: "line-a", values: figures.ttftP50 },
          { label: "p95", colour: "line-b", values: figures.ttftP95 },
        ]}
      />
      <Plot
        title="Inter-token latency"
        unit="ms"
        times={times}
        lines={[
          { label: "p50", colour: "line-a", values: figures.itlP50 },
          { label: "p95", colour: "line-b", values: figures.itlP95 },
        ]}
      />
      <Plot
        title="Forward pass"
        unit="ms"
        times={times}
        lines={[
          { label: "p50", colour: "line-a", values: figures.stepP50 },
          { label: "p95", colour: "line-b", values: figures.stepP95 },
        ]}
      />
    </section>
  );
}

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1_000)} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
