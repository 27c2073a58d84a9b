// Owns the list of slots, with each slot's state and tokens.
import type { VNode } from "preact";
import { loadedModels } from "./watch-worker.ts";
import type { WorkerWatch } from "./watch-worker.ts";

export function SlotTable({ watch }: { readonly watch: WorkerWatch }): VNode {
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
