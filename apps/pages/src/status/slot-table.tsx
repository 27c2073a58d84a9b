// Owns the list of slots, with each slot's state and tokens, and the context pool that the slots share.
import { slotStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { formatCount, formatPercent } from "../parts/format.ts";
import { poolFigures, type PoolFigures } from "./figures.ts";
import { loadedModels, type WorkerWatch } from "./watch-worker.ts";

export function SlotTable({ watch }: { readonly watch: WorkerWatch }): VNode {
  const slots = watch.slots.value;
  const loaded = loadedModels(watch.models.statuses.value?.models ?? []);
  const shown = watch.slotsModel.value;
  const busy = slots.filter(({ state }) => state !== "idle").length;
  const parked = slots.filter(({ state }) => state === "parked").length;
  const scrape = watch.scrape.value;
  const model = shown ?? watch.info.value?.model;
  const pool = scrape === undefined || model === undefined ? undefined : poolFigures(model, scrape);
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
        <span class="small muted numbers">
          {`${busy} of ${slots.length} busy${parked === 0 ? "" : `, ${parked} parked`}`}
        </span>
      </div>
      {pool !== undefined && <PoolMeter pool={pool} />}
      {parked > 0 && <p class="small muted">A parked job continues when the context pool has room for it.</p>}
      <ol class="slots small">
        {slots.map((slot) => (
          <li class="slot" key={slot.id} data-state={slot.state}>
            <strong class="numbers">{slot.id}</strong>
            <span>{slotStateWords[slot.state]}</span>
            {slot.state !== "idle" && (
              <span class="muted numbers" title={`${slot.prompt_tokens} prompt tokens, ${slot.tokens} of the answer`}>
                {`${formatCount(slot.prompt_tokens)} + ${formatCount(slot.tokens)}`}
              </span>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function PoolMeter({ pool: { used, total } }: { readonly pool: PoolFigures }): VNode {
  return (
    <div class="row pool small">
      <span class="muted">Context pool</span>
      <meter min={0} max={total} value={used} aria-label="Context pool used">
        {formatPercent(used / total)}
      </meter>
      <span class="muted numbers">{`${formatCount(used)} of ${formatCount(total)} tokens`}</span>
    </div>
  );
}
