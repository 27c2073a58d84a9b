// Owns a simulated model of a worker: it computes one token of each running job in a step, always the same ones for the same prompt and seed.
import { createCondition, type Clock, type TimerHandle } from "@waggle/async";
import { noTotals, type JobEvent, type Work } from "@waggle/engine";
import type { FleetModelFile, RunnableModel } from "@waggle/fleet";
import type { JobListener, JobSpec } from "@waggle/jobs";
import { isLane, WaggleError } from "@waggle/protocol";

export interface SimulatedModel extends RunnableModel {
  /** Number of jobs so far. */
  readonly begun: number;
  /** Calls back when a slot is free again. */
  onFree(listener: () => void): void;
  /** Resolves when no job runs. */
  idle(): Promise<void>;
  /** Forgets all jobs. */
  close(): void;
}

interface Run {
  readonly spec: JobSpec;
  readonly listener: JobListener;
  next: number;
  cancelled: boolean;
}

/** The text of a token. */
export function tokenText(prompt: string, seed: number, index: number): string {
  let hash = seed * 31 + index * 7 + 17;
  for (const char of prompt) hash = (Math.imul(hash, 33) ^ (char.codePointAt(0) ?? 0)) >>> 0;
  return `${(hash % 1_000).toString(36)} `;
}

/** Number of events of the work: of its tokens, texts or readings. */
function lengthOf(work: Work): number {
  switch (work.kind) {
    case "generate":
      return work.maxTokens ?? 1;
    case "decide":
      return work.readings.length;
    case "embed":
      return work.texts.length;
    case "rerank":
      return work.documents.length;
  }
}

export function createSimulatedModel(options: {
  readonly name: string;
  readonly slots: number;
  readonly stepMs: number;
  readonly file: FleetModelFile;
  readonly clock: Clock;
}): SimulatedModel {
  const { name, slots, stepMs, file, clock } = options;
  const runs = new Set<Run>();
  const idle = createCondition(() => runs.size === 0);
  let begun = 0;
  let freed = (): void => {};
  let timer: TimerHandle | undefined;

  const isOfLane = ({ spec }: Run): boolean => isLane(spec.when);
  const others = (): readonly Run[] => [...runs].filter((run) => !isOfLane(run));
  const free = (forLane: boolean): number => slots - (forLane ? runs.size : others().length);

  /** Lane jobs compute in the slots that the others leave. */
  function step(): void {
    timer = runs.size > 0 ? clock.setTimeout(step, stepMs) : undefined;
    const all = [...others(), ...[...runs].filter(isOfLane)];
    for (const [index, run] of all.entries()) if (index < slots || run.cancelled) advance(run);
  }

  function advance(run: Run): void {
    const { spec, listener } = run;
    const jobId = spec.id ?? "";
    if (run.cancelled) return finish(run, { type: "cancelled", jobId, steps: 1, ...noTotals });
    if (run.next < lengthOf(spec.work)) {
      listener.event(eventOf(spec, run.next));
      run.next += 1;
    }
    if (run.next >= lengthOf(spec.work)) finish(run, { type: "finished", jobId, by: "max_tokens", ...noTotals });
  }

  function finish(run: Run, event: JobEvent): void {
    runs.delete(run);
    run.listener.event(event);
    idle.check();
    freed();
  }

  return {
    name,
    slots,
    abilities: [],
    free,
    file: () => file,
    async run(spec, listener) {
      if (free(isLane(spec.when)) <= 0) throw new WaggleError("resource_exhausted", "All slots are busy.");
      const { output, computed = 0 } = spec.prior ?? {};
      const run = {
        spec,
        listener,
        next: spec.work.kind === "generate" ? (output?.events ?? 0) : computed,
        cancelled: false,
      };
      runs.add(run);
      begun += 1;
      timer ??= clock.setTimeout(step, stepMs);
      await Promise.resolve();
      listener.event({ type: "started", jobId: spec.id ?? "", slot: 0, promptTokens: 3, cachedTokens: 0 });
      return {
        cancel() {
          run.cancelled = true;
        },
      };
    },
    get begun() {
      return begun;
    },
    onFree(listener) {
      freed = listener;
    },
    idle: idle.wait,
    close() {
      timer?.cancel();
      runs.clear();
    },
  };
}

function eventOf({ id: jobId = "", work }: JobSpec, index: number): JobEvent {
  if (work.kind !== "generate") return { type: "embedding", jobId, index, vector: [index], tokens: 1 };
  const prompt = work.prompt.kind === "text" ? work.prompt.text : "";
  const text = tokenText(prompt, work.sampling.seed, index);
  return { type: "token", jobId, index, text, tMs: index, ids: [index], n: 1 };
}
