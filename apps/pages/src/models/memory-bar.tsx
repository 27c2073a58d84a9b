// Owns the bar of the memory that loaded models take, with a figure for each model below. Screen readers read only the figures.
import type { ModelMemory, ModelStatus, ModelStatuses } from "@waggle/protocol";
import type { VNode } from "preact";
import { formatBytes, formatCounted } from "../parts/format.ts";

/** CSS classes of the parts; adjacent parts have different colours. */
const colours = ["part-a", "part-b", "part-c", "part-d"] as const;

/** The worker's count: its estimate, or its measurement if that is more. */
function countedBytes({ total, measured = 0 }: ModelMemory): number {
  return Math.max(total, measured);
}

interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

/** @param used bytes of the budget, which includes models without an estimate, and files that are being unloaded or loaded */
export function memoryParts(models: readonly ModelStatus[], used: number): readonly MemoryPart[] {
  const known = models
    .filter(({ state }) => state === "loading" || state === "ready" || state === "unloading")
    .flatMap(({ name, memory }) => (memory === undefined ? [] : [{ name, bytes: countedBytes(memory) }]));
  const rest = used - known.reduce((bytes, part) => bytes + part.bytes, 0);
  if (rest <= 0) return known;
  return [...known, { name: known.length === 0 ? "all loaded models" : "other files", bytes: rest }];
}

/** Draws nothing at a gateway, which has no memory budget. */
export function Budget({ statuses: { models, budget } }: { readonly statuses: ModelStatuses }): VNode | null {
  if (budget === undefined) return null;
  const { total, used } = budget.memory;
  const all = memoryParts(models, used);
  const scaleBytes = Math.max(
    total ?? 0,
    all.reduce((bytes, part) => bytes + part.bytes, 0),
    1,
  );
  const parts = all.map((part, i) => ({ ...part, colour: colours[i % colours.length] }));
  const taken = total === null ? "of memory, no limit" : `of ${formatBytes(total)} of memory`;
  return (
    <div class="memory">
      <p class="small numbers">
        {`Loaded models take ${formatBytes(used)} ${taken} · ${formatCounted(budget.threads, "thread")} for all`}
      </p>
      <div class="memory-bar" aria-hidden="true">
        {parts.map(({ name, bytes, colour }) => (
          <span key={name} class={colour} style={{ width: `${(bytes * 100) / scaleBytes}%` }} />
        ))}
      </div>
      <ul class="memory-parts small numbers">
        {parts.map(({ name, bytes, colour }) => (
          <li key={name}>
            <span class={`swatch ${colour}`} aria-hidden="true" />
            {`${name} ${formatBytes(bytes)}`}
          </li>
        ))}
      </ul>
    </div>
  );
}
