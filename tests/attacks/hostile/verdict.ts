// Owns the requirements of a hostile run, partly relative to the same run with well-behaved clients instead of attackers. Pure.
import { createFacts, mean, percentile, round, type Spread } from "@waggle/testing/harness";

export interface MemoryFigures {
  readonly max_mib: number;
  readonly end_mib: number;
  /** Relative growth of the mean from the third quarter of the run to the last one. */
  readonly growth: number;
}

export interface HostileFigures {
  readonly kind: "control" | "hostile";
  readonly duration_s: number;
  /** Honest streams that were complete. */
  readonly streams: number;
  /** Times between two token events of an honest stream. */
  readonly gap_ms: Spread;
  /** Times from sending an honest request to the headers of its answer. */
  readonly accepted_ms: Spread;
  readonly first_token_ms: Spread;
  /** Delays between the engine's clock and the arrival of a token, relative to the first token of its stream. */
  readonly lag_ms: Spread;
  /** Failures of the honest streams, of the crowd and of the worker. */
  readonly failures: readonly string[];
  readonly worker: MemoryFigures;
  readonly engine: MemoryFigures;
  readonly engine_deaths: number;
  /** Jobs that still run or wait after all clients have disconnected. */
  readonly jobs_left: number;
  /** Numbers of the crowd's answers by status; 0 counts closed connections, and "none" requests without an answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** An honest stream may pause this much longer with attackers than with well-behaved clients. */
const gapAllowedMs = 500;
/** When idle and run from source, the worker holds some 150 MiB, and so does the engine with the embedded model. */
const memoryLimitMib = 768;
/** Allowed growth from the third quarter to the last one. More means that the memory keeps growing. */
const growthAllowed = 0.1;
/** Smaller growth comes from the allocator. */
const growthFloorMib = 32;

/** A line for each broken requirement. */
export function hostileFailures(control: HostileFigures, hostile: HostileFigures): string[] {
  const gapLimitMs = control.gap_ms.max + gapAllowedMs;
  return [control, hostile].flatMap((run) => {
    const { gap_ms: gap, worker, engine } = run;
    const facts = createFacts();
    facts.expect(run.streams > 0, "no honest stream was complete");
    const answered = (status: RegExp): boolean => Object.keys(run.answers).some((key) => status.test(key));
    facts.expect(answered(/^200$/), "no client of the crowd was answered with 200");
    facts.expect(run.kind === "control" || answered(/^4../), "no attack was refused");
    facts.expect(gap.max <= gapLimitMs, `an honest stream paused for ${gap.max} ms; the limit is ${gapLimitMs} ms`);
    facts.equal("engine deaths", run.engine_deaths, 0);
    facts.equal("jobs left", run.jobs_left, 0);
    for (const [name, { max_mib: max, end_mib: end, growth }] of Object.entries({ worker, engine })) {
      facts.expect(max <= memoryLimitMib, `the ${name} held ${max} MiB; the limit is ${memoryLimitMib} MiB`);
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
