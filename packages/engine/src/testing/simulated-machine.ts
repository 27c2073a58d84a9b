// Simulates machines for tests of the pacing: the time of a pass is a formula with seeded noise, and streams and prompts share the passes.
import type { Pass } from "../costs/pass-costs.ts";
import type { Pacing } from "../costs/pacing.ts";

export interface Work {
  readonly threads: number;
  readonly decodeRows: number;
  readonly promptTokens: number;
  /** Average number of tokens that a slot holds. */
  readonly context: number;
  /** Whether another process needs a core. */
  readonly busy: boolean;
}

/** Returns the milliseconds of a pass, without noise. */
export type Machine = (work: Work) => number;

/** A job that arrives while the streams decode. */
export interface Newcomer {
  /** Number of the step at which the job arrives. */
  readonly step: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export interface Scenario {
  readonly machine: Machine;
  /** Number of streams that decode from the start. */
  readonly streams: number;
  /** Length of each stream. */
  readonly tokens: number;
  readonly newcomers?: readonly Newcomer[];
  readonly contextAtStart?: number;
  readonly busyAt?: (ms: number) => boolean;
  /** Part by which the time of passes varies, in both directions. With noise, one pass in a hundred takes three times as long. */
  readonly noise?: number;
  readonly seed?: number;
}

export interface SimulatedStep extends Pass {
  readonly decoding: number;
  readonly promptTokens: number;
  /** Time of the same step without prompt and noise, with the better of one and two threads. */
  readonly bestStepMs: number;
}

export function runScenario(pacing: Pacing, scenario: Scenario): SimulatedStep[] {
  const { machine, noise = 0, busyAt = () => false, contextAtStart = 0 } = scenario;
  const random = randomNumbers(scenario.seed ?? 1);
  const waiting = (scenario.newcomers ?? []).map((newcomer) => ({ ...newcomer, left: newcomer.promptTokens }));
  const decoding = Array.from({ length: scenario.streams }, () => ({ left: scenario.tokens, last: 0 }));
  const steps: SimulatedStep[] = [];
  let ms = 0;
  while (decoding.length > 0 || waiting.length > 0) {
    const here = waiting.filter(({ step }) => step <= steps.length || decoding.length === 0);
    const limits = pacing.plan({ decoding: decoding.length, prefilling: here.length });
    const rows = decoding.toSorted((a, b) => a.last - b.last).slice(0, limits.decodeRows);
    const [first] = here;
    const promptTokens = first === undefined ? 0 : Math.min(first.left, limits.prefillBudget, limits.batchSize);
    const shape = { decodeRows: rows.length, tokens: rows.length + promptTokens };
    const threads = pacing.threads(shape);
    const at = { context: contextAtStart + steps.length / 2, busy: busyAt(ms) };
    const part = random();
    const factor = noise === 0 ? 1 : random() < 0.01 ? 3 : 1 + noise * (2 * part - 1);
    const passMs = factor * machine({ ...at, threads, decodeRows: rows.length, promptTokens });
    const alone = [1, 2].map((count) =>
      machine({ ...at, threads: count, decodeRows: decoding.length, promptTokens: 0 }),
    );
    const pass = { ...shape, threads, passMs };
    pacing.observe(pass);
    steps.push({ ...pass, decoding: decoding.length, promptTokens, bestStepMs: Math.min(...alone) });
    ms += passMs;
    for (const row of rows) {
      row.left -= 1;
      row.last = steps.length;
      if (row.left === 0) decoding.splice(decoding.indexOf(row), 1);
    }
    if (first === undefined) continue;
    first.left -= promptTokens;
    if (first.left > 0) continue;
    waiting.splice(waiting.indexOf(first), 1);
    decoding.push({ left: first.answerTokens, last: steps.length });
  }
  return steps;
}

/** The mulberry32 generator. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MachineShape {
  /** Time of a pass with one row and one thread. */
  readonly oneMs: number;
  /** Time of each further row with one thread. */
  readonly rowMs: number;
  /** Additional time of a pass with several rows: a matrix kernel replaces the vector kernel. */
  readonly matrixMs?: number;
  readonly tileTokenMs: number;
  readonly partTokenMs: number;
  /** `share`: the part of the time that remains with two threads; `startMs`: the time to start the second thread. */
  readonly secondThread: { readonly share: number; readonly oneRowShare?: number; readonly startMs?: number };
  /** Factor by which a pass with two threads is slower while another process is busy. */
  readonly collapse?: number;
  /** Number of tokens of context that double the time of a pass. */
  readonly contextDoubles?: number;
}

export function machineOf(shape: MachineShape): Machine {
  const { oneMs, rowMs, matrixMs = 0, tileTokenMs, partTokenMs, secondThread, collapse = 10, contextDoubles } = shape;
  return ({ threads, decodeRows, promptTokens, context, busy }) => {
    const decodeMs = decodeRows === 0 ? 0 : oneMs + rowMs * (decodeRows - 1) + (decodeRows > 1 ? matrixMs : 0);
    const tiled = Math.floor(promptTokens / 64) * 64;
    const promptMs = tiled * tileTokenMs + (promptTokens - tiled) * partTokenMs;
    const oneThreadMs = (decodeMs + promptMs) * (1 + context / (contextDoubles ?? Infinity));
    if (threads === 1) return oneThreadMs * (busy ? 1.1 : 1);
    const { share, oneRowShare = share, startMs = 0 } = secondThread;
    return (oneThreadMs * (decodeRows + promptTokens === 1 ? oneRowShare : share) + startMs) * (busy ? collapse : 1);
  };
}
