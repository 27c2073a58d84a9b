// Owns the file that keeps what steps cost, in the folder of the KV snapshots: the next engine with the same model on the same machine need not measure.
import { createHash } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { makeFolder, readText } from "@waggle/async";
import type { Backend } from "@waggle/engine";
import { StepCostsSchema, type StepCosts } from "@waggle/protocol";
import { z } from "zod";

const fileName = "step-costs.json";
const version = 1;
const mostEntries = 64;
const mostBytes = 1_048_576;
/** Shortest time between two writes while the engine runs. */
const writeIntervalMs = 60_000;
/** Costs that differ by less are not written again. */
const noticeable = 0.1;

const FileSchema = z.object({
  version: z.literal(version),
  /** The oldest first. */
  entries: z.array(z.object({ key: z.string(), costs: StepCostsSchema })).max(mostEntries),
});
type Entry = z.infer<typeof FileSchema>["entries"][number];

export interface KeptCosts {
  /** What an earlier engine has kept; undefined when the file has no costs for this key, or cannot be used. */
  readonly known: StepCosts | undefined;
  /** Records the present costs. Writes them when they differ noticeably from the file's, at most once a minute. */
  record(costs: StepCosts): void;
  /** Writes the last recorded costs if they differ noticeably from the file's. */
  close(): void;
}

export interface KeptCostsOptions {
  /** Folder of the KV snapshots. Several engines may share it. */
  readonly folder: string;
  /** Identifies everything that decides the costs. */
  readonly key: string;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Called with the reason when the file cannot be written. The engine can run without it. */
  readonly onProblem: (reason: string) => void;
}

export function openKeptCosts({ folder, key, now, onProblem }: KeptCostsOptions): KeptCosts {
  const path = join(folder, fileName);
  const known = readEntries(path).findLast((entry) => entry.key === key)?.costs;
  let written = known;
  let writtenMs = -Infinity;
  let latest: StepCosts | undefined;

  function write(costs: StepCosts): void {
    writtenMs = now();
    written = costs;
    try {
      makeFolder(folder, { mode: 0o700 });
      // Read again, because another engine may have written meanwhile. When two engines write at the same moment, the file of the last one counts.
      replaceFile(path, textOf([...readEntries(path).filter((entry) => entry.key !== key), { key, costs }]));
    } catch (error) {
      onProblem((error as Error).message);
    }
  }

  function writeChanges(): void {
    if (latest !== undefined && (written === undefined || differ(written, latest))) write(latest);
  }

  return {
    known,
    record(costs) {
      // How busy the machine is now says nothing about later.
      latest = { ...costs, threads: costs.threads.map((column) => ({ ...column, busy: 1 })) };
      if (now() - writtenMs >= writeIntervalMs) writeChanges();
    },
    close: writeChanges,
  };
}

/** Identifies the machine, the model, the build and the settings that decide what a step costs. */
export function costsKeyOf({ info, generator }: Backend, maxThreads: number): string {
  const { release, build, binding, device, modelBytes, parameters, modelName, file, settings } = info;
  const processors = cpus();
  const parts = [
    [process.arch, processors[0]?.model, processors.length, maxThreads, device],
    [modelName, modelBytes, parameters, file?.architecture, file?.quantization],
    [release, build, binding],
    [settings, generator?.oneMatrix],
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function readEntries(path: string): readonly Entry[] {
  try {
    const { success, data } = FileSchema.safeParse(JSON.parse(readText(path, { maxBytes: mostBytes })));
    return success ? data.entries : [];
  } catch {
    // There is no file, or it is damaged. The engine measures, and replaces the file.
    return [];
  }
}

/** Leaves out the oldest entries when there are too many. */
function textOf(entries: readonly Entry[]): string {
  let kept = entries.slice(-mostEntries);
  for (;;) {
    const text = JSON.stringify({ version, entries: kept });
    if (Buffer.byteLength(text) <= mostBytes || kept.length <= 1) return text;
    kept = kept.slice(1);
  }
}

/** A reader sees the old file or the new file, and never a part. */
function replaceFile(path: string, text: string): void {
  const part = `${path}.${process.pid}.part`;
  try {
    writeFileSync(part, text, { mode: 0o600 });
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function differ(a: StepCosts, b: StepCosts): boolean {
  const [before, after] = [pointsOf(a), pointsOf(b)];
  if (before.size !== after.size) return true;
  return [...after].some(([name, ms]) => {
    const earlier = before.get(name);
    return earlier === undefined || Math.abs(ms - earlier) > noticeable * Math.max(ms, earlier);
  });
}

/** All times of a table, by what they measure. */
function pointsOf({ threads, context }: StepCosts): ReadonlyMap<string, number> {
  return new Map<string, number>([
    ...threads.flatMap((column) => [
      ...column.decode.map(({ rows, ms }) => [`${column.threads} decode ${rows}`, ms] as const),
      ...column.prompt.map(({ tokens, ms }) => [`${column.threads} prompt ${tokens}`, ms] as const),
    ]),
    ["row", context.row_ms],
    ["tile", context.tile_ms],
  ]);
}
