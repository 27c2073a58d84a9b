// Owns the memory bars: parts on a scale of bytes, with a figure for each part below. Screen readers read only the figures.
import type { ModelMemory, ModelStatuses } from "@waggle/protocol";
import type { VNode } from "preact";
import { memoryParts, type MemoryPart } from "./model-words.ts";
import { formatBytes, formatCounted } from "../parts/format.ts";

/** CSS classes of the parts; adjacent parts have different colours. */
const colours = ["part-a", "part-b", "part-c", "part-d"] as const;

interface BarProps {
  readonly parts: readonly MemoryPart[];
  /** Bytes of the bar's whole width. */
  readonly scaleBytes: number;
}

function Bar({ parts, scaleBytes }: BarProps): VNode {
  return (
    <>
      <div class="memory-bar" aria-hidden="true">
        {parts.map(({ name, bytes }, i) => (
          <span key={name} class={colourOf(i)} style={{ width: `${(bytes * 100) / Math.max(1, scaleBytes)}%` }} />
        ))}
      </div>
      <ul class="memory-parts small numbers">
        {parts.map(({ name, bytes }, i) => (
          <li key={name}>
            <span class={`memory-swatch ${colourOf(i)}`} aria-hidden="true" />
            {`${name} ${formatBytes(bytes)}`}
          </li>
        ))}
      </ul>
    </>
  );
}

function colourOf(i: number): string {
  return colours[i % colours.length] ?? colours[0];
}

export interface MemoryProps {
  readonly memory: ModelMemory;
  readonly loaded: boolean;
  /** Bytes of the bar's whole width, the same for all models, so that their bars can be compared. */
  readonly scaleBytes: number;
}

export function Memory({ memory, loaded, scaleBytes }: MemoryProps): VNode {
  const measured = memory.measured === undefined ? "" : `, measured ${formatBytes(memory.measured)}`;
  return (
    <div class="memory">
      <p class="small numbers">{`${loaded ? "Takes" : "Would take"} ${formatBytes(memory.total)}${measured}`}</p>
      <Bar parts={memoryParts(memory)} scaleBytes={scaleBytes} />
    </div>
  );
}

/** The worker's count: its estimate, or its measurement if that is more. */
function countedBytes({ total, measured = 0 }: ModelMemory): number {
  return Math.max(total, measured);
}

/** Draws nothing at a gateway, which has no memory budget. */
export function Budget({ statuses: { models, budget } }: { readonly statuses: ModelStatuses }): VNode | null {
  if (budget === undefined) return null;
  const { total, used } = budget.memory;
  const parts = models
    .filter(({ state }) => state === "loading" || state === "ready" || state === "unloading")
    .flatMap(({ name, memory }) => (memory === undefined ? [] : [{ name, bytes: countedBytes(memory) }]));
  const told = parts.reduce((bytes, part) => bytes + part.bytes, 0);
  // The budget includes models without an estimate, and files that are being unloaded or loaded.
  const rest = parts.length === 0 ? "all loaded models" : "other files";
  const all = used > told ? [...parts, { name: rest, bytes: used - told }] : parts;
  const taken =
    total === null
      ? `Loaded models take ${formatBytes(used)} of memory, no limit`
      : `Loaded models take ${formatBytes(used)} of ${formatBytes(total)} of memory`;
  return (
    <div class="memory">
      <p class="small numbers">{`${taken} · ${formatCounted(budget.threads, "thread")} for all`}</p>
      <Bar parts={all} scaleBytes={Math.max(total ?? 0, used, told)} />
    </div>
  );
}
