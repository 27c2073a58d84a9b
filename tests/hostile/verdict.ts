// Owns what a hostile run has to hold, compared with the same run with well-behaved clients instead of attackers. Pure.
import { createFacts, mean, percentile, round, type Spread } from "@waggle/testing/harness";

export interface MemoryFigures {
  readonly max_mib: number;
  readonly end_mib: number;
  /** Last quarter of the run over the quarter before, both as means. */
  readonly growth: number;
}

export interface HostileFigures {
  readonly kind: "control" | "hostile";
  readonly duration_s: number;
  /** Honest ones that came to their end. */
  readonly streams: number;
  /** Between two token events of an honest stream. */
  readonly gap_ms: Spread;
  /** From the sending of a request to the headers of its answer. */
  readonly accepted_ms: Spread;
  readonly first_token_ms: Spread;
  /** Between the engine's clock and the arrival of a token, counted from the first one of its stream. */
  readonly lag_ms: Spread;
  /** Of the honest streams, and what else ended that should not have. */
  readonly failures: readonly string[];
  readonly worker: MemoryFigures;
  readonly engine: MemoryFigures;
  readonly engine_deaths: number;
  /** Still running or waiting when everybody has gone. */
  readonly jobs_left: number;
  /** The crowd's answers by status; 0 is a closed connection, none is no answer in time. */
  readonly answers: Readonly<Record<string, number>>;
}

/** An honest stream may pause this much longer with attackers than with well-behaved clients. */
const gapAllowedMs = 500;
/** Idle, run from source, the worker holds some 150 MiB and the engine with the embedded model as much. */
const memoryLimitMib = 768;
/** Second half of a run: what grows by more than this from one quarter to the next does not end. */
const growthAllowed = 0.1;
/** Below this, growth is the allocator's. */
const growthFloorMib = 32;

/** One line for each thing that does not hold. */
export function hostileFailures(control: HostileFigures, hostile: HostileFigures): string[] {
  const gapLimitMs = control.gap_ms.max + gapAllowedMs;
  return [control, hostile].flatMap((run) => {
    const { gap_ms: gap, worker, engine } = run;
    const facts = createFacts();
    facts.expect(run.streams > 0, "no honest stream came to its end");
    const answered = (status: RegExp): boolean => Object.keys(run.answers).some((key) => status.test(key));
    facts.expect(answered(/^200$/), "no client of the crowd was answered with 200");
    facts.expect(run.kind === "control" || answered(/^4../), "no attack was refused");
    facts.expect(gap.max <= gapLimitMs, `an honest stream paused for ${gap.max} ms, and ${gapLimitMs} is the limit`);
    facts.equal("engine deaths", run.engine_deaths, 0);
    facts.equal("jobs left", run.jobs_left, 0);
    for (const [name, { max_mib: max, end_mib: end, growth }] of Object.entries({ worker, engine })) {
      facts.expect(max <= memoryLimitMib, `the ${name} held ${max} MiB, and ${memoryLimitMib} is the limit`);
      const grown = growth > growthAllowed && end * growth > growthFloorMib;
      facts.expect(!grown, `the ${name} grew by ${Math.round(growth * 100)} % in the last quarter`);
    }
    return [...run.failures, ...facts.failures].map((failure) => `${run.kind}: ${failure}`);
  });
}

export function memoryFigures(samples: readonly number[]): MemoryFigures {
  const quarter = Math.floor(samples.length / 4);
  const [before, last] = [mean(samples.slice(-2 * quarter, -quarter)), mean(samples.slice(-quarter))];
  return {
    max_mib: Math.round(percentile(samples, 1)),
    end_mib: Math.round(samples.at(-1) ?? 0),
    growth: round(last / before - 1),
  };
}
