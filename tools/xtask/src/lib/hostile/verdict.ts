// Owns what a hostile run has to hold, beside the same run with well-behaved clients in the attackers' place. Pure.

export interface MemoryFigures {
  readonly start_mib: number;
  readonly max_mib: number;
  readonly end_mib: number;
  /** Last quarter of the run over the quarter before, both as means. */
  readonly growth: number;
}

export interface HostileFigures {
  readonly kind: "control" | "hostile";
  readonly duration_s: number;
  readonly streams: number;
  readonly tokens: number;
  readonly gap_p50_ms: number;
  readonly gap_p99_ms: number;
  readonly gap_longest_ms: number;
  readonly first_token_longest_ms: number;
  /** Of the honest streams, and what else ended that should not have. */
  readonly failures: readonly string[];
  readonly worker: MemoryFigures;
  readonly engine: MemoryFigures;
  readonly engine_starts: number;
  readonly engine_deaths: number;
  /** Still running or waiting when everybody has gone. */
  readonly jobs_left: number;
  /** The crowd's answers by status; 0 is a closed connection, none is no answer in time. */
  readonly answers: Readonly<Record<string, number>>;
}

/** An honest stream may pause this much longer beside attackers than beside well-behaved clients. */
const gapAllowedMs = 500;
/** Idle, run from source, the worker holds some 150 MiB and the engine with the embedded model as much. */
const memoryLimitMib = 768;
/** Second half of a run: what grows by more than this from one quarter to the next does not end. */
const growthAllowed = 0.1;
/** Below this, growth is the allocator's. */
const growthFloorMib = 32;

/** One line for each thing that does not hold. */
export function hostileFailures(runs: readonly HostileFigures[]): string[] {
  const control = runs.find(({ kind }) => kind === "control");
  return runs.flatMap((run) => [
    ...run.failures.map((failure) => `${run.kind}: ${failure}`),
    ...(run.streams === 0 ? [`${run.kind}: no honest stream came to its end`] : []),
    ...(run.engine_deaths > 0 ? [`${run.kind}: the engine died ${run.engine_deaths} times`] : []),
    ...(run.jobs_left > 0 ? [`${run.kind}: ${run.jobs_left} jobs were left`] : []),
    ...memoryFailures(run),
    ...(control !== undefined && run.gap_longest_ms > control.gap_longest_ms + gapAllowedMs
      ? [
          `${run.kind}: an honest stream paused for ${run.gap_longest_ms} ms, and ${control.gap_longest_ms} + ${gapAllowedMs} ms is the limit`,
        ]
      : []),
  ]);
}

function memoryFailures({ kind, worker, engine }: HostileFigures): string[] {
  return Object.entries({ worker, engine }).flatMap(([name, { max_mib: max, end_mib: end, growth }]) => [
    ...(max > memoryLimitMib ? [`${kind}: the ${name} held ${max} MiB, and ${memoryLimitMib} is the limit`] : []),
    ...(growth > growthAllowed && end * growth > growthFloorMib
      ? [`${kind}: the ${name} grew by ${Math.round(growth * 100)} % in the last quarter`]
      : []),
  ]);
}

export function memoryFigures(samples: readonly number[]): MemoryFigures {
  const part = (from: number, to: number): number => {
    const quarter = samples.slice(Math.floor(samples.length * from), Math.max(1, Math.floor(samples.length * to)));
    return quarter.reduce((sum, mib) => sum + mib, 0) / Math.max(1, quarter.length);
  };
  const [before, last] = [part(0.5, 0.75), part(0.75, 1)];
  return {
    start_mib: Math.round(samples[0] ?? 0),
    max_mib: Math.round(Math.max(0, ...samples)),
    end_mib: Math.round(samples.at(-1) ?? 0),
    growth: before === 0 ? 0 : Math.round((last / before - 1) * 1_000) / 1_000,
  };
}
