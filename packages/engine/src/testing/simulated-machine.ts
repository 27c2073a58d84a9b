// Owns simulated machines: the time of a pass by formula and seeded noise, and streams that run on them. For tests of the pacing.
import type { Pass } from "../costs/pass-costs.ts";
import type { Pacing } from "../costs/pacing.ts";

export interface Work {
  readonly threads: number;
  readonly decodeRows: number;
  readonly promptTokens: number;
  /** Tokens that the slots hold, on average. */
  readonly context: number;
  /** Another process needs a core. */
  readonly busy: boolean;
}

/** Milliseconds of a pass, without noise. */
export type Machine = (work: Work) => number;

export interface Newcomer {
  /** The step it comes at. */
  readonly step: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export interface Scenario {
  readonly machine: Machine;
  /** Streams that decode from the start, until each has had so many tokens. */
  readonly streams: number;
  readonly tokens: number;
  readonly newcomers?: readonly Newcomer[];
  readonly contextAtStart?: number;
  readonly busyAt?: (ms: number) => boolean;
  /** Part by which passes vary; one in a hundred takes three times as long. */
  readonly noise?: number;
  readonly seed?: number;
}

export interface SimulatedStep extends Pass {
  readonly decoding: number;
  readonly promptTokens: number;
  /** Best time of a step with all decoding slots and no prompt at that moment, without noise. */
  readonly bestStepMs: number;
}

/** Runs the scenario to its end. */
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

/** mulberry32 */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MachineShape {
  /** Milliseconds of a pass with one row, and of each further one, with one thread. */
  readonly oneMs: number;
  readonly rowMs: number;
  /** Additional cost of the first of several rows: a kernel for matrices instead of one for vectors. */
  readonly matrixMs?: number;
  readonly tileTokenMs: number;
  readonly partTokenMs: number;
  /** Share of the time with a second thread, also of a single row, which memory bounds; and the cost of starting it. */
  readonly secondThread: { readonly share: number; readonly oneRowShare?: number; readonly startMs?: number };
  /** Times as long, with two threads, while a neighbour is busy. */
  readonly collapse?: number;
  /** Tokens of context that double a pass. */
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
