// Owns the list of what is wrong with the server now, each with what to do about it. Pure.
import type { ModelStatus, WorkerInfo } from "@waggle/protocol";
import { formatBytes, formatCounted } from "../parts/format.ts";
import { workerFigures } from "./figures.ts";
import { labelled, type Scrape } from "./prometheus.ts";

export interface StatusProblem {
  readonly title: string;
  readonly todo: string;
  /** The model to load once its fault is repaired. */
  readonly model?: string;
}

export interface Observed {
  readonly state: WorkerInfo["state"];
  /** Why the worker has this state. */
  readonly reason: string | undefined;
  readonly models: readonly ModelStatus[];
  readonly scrape: Scrape;
}

/** A smaller share of free memory or disk is a problem. */
const leastFree = 0.05;

const ofStates: Readonly<Partial<Record<WorkerInfo["state"], readonly [title: string, todo: string]>>> = {
  failed: ["The worker failed", "Repair the cause, then start the worker again."],
  disconnected: [
    "No connection to NATS",
    "Check that NATS runs at the address of --nats-url. The gateway connects by itself.",
  ],
  draining: ["The server is draining", "It takes no more jobs, and stops when its running jobs have ended."],
};

/** The gravest first. */
export function problemsOf({ state, reason, models, scrape }: Observed): readonly StatusProblem[] {
  const [title, todo = ""] = ofStates[state] ?? [];
  const failed = models.filter((model) => model.state === "failed");
  const capacities = labelled("waggle_queue_capacity", "model", scrape);
  const full = [...labelled("waggle_queue_depth", "model", scrape)].filter(
    ([model, depth]) => depth > 0 && depth >= (capacities.get(model) ?? Infinity),
  );
  const disks = labelled("waggle_disk_bytes", "folder", scrape);
  const fullDisks = [...labelled("waggle_disk_free_bytes", "folder", scrape)].filter(
    ([folder, free]) => free < leastFree * (disks.get(folder) ?? 0),
  );
  const { machineBytes = 0, freeBytes } = workerFigures(scrape);
  return [
    ...(title === undefined ? [] : [{ title: `${title}${reasonWords(reason)}`, todo }]),
    ...failed.map(({ name, reason: why }) => ({
      ...{ title: `${name} failed${reasonWords(why)}`, todo: "Repair the cause, then load it again." },
      model: name,
    })),
    ...full.map(([model, depth]) => ({
      title: `The queue of ${model} is full: ${formatCounted(depth, "job")} waiting.`,
      todo: "More requests are rejected. Add slots or workers, or set a larger --queue-capacity.",
    })),
    ...(freeBytes !== undefined && freeBytes < leastFree * machineBytes
      ? [
          {
            title: `Little memory is free: ${formatBytes(freeBytes)} of ${formatBytes(machineBytes)}.`,
            todo: "Unload a model, or end other programs, before the system ends the engine.",
          },
        ]
      : []),
    ...fullDisks.map(([folder, free]) => ({
      title: `The disk is nearly full: ${formatBytes(free)} free (${folder.replaceAll("_", " ")}).`,
      todo: "Delete models or other files.",
    })),
  ];
}

function reasonWords(reason: string | undefined): string {
  return `${reason === undefined ? "" : `: ${reason.replace(/\.$/, "")}`}.`;
}
