// Simulates machines for tests of the pacing: the time of a step is a formula with seeded noise, and streams and prompts share the steps.
import type { Pacing } from "../schedule/costs/pacing.ts";
import { contextOf, tileTokens, type StepShape } from "../schedule/costs/step-shape.ts";

export interface MachineShape {
  /** Time of a matrix with one row, with one thread. Milliseconds. */
  readonly oneMs: number;
  /** Time of each further row of a matrix. */
  readonly rowMs: number;
  /** Time that 1,000 tokens of context add to a token: of a decoding slot or a short piece, and of a longer piece. */
  readonly rowContextMs?: number;
  readonly tileContextMs?: number;
  /** Part of the time that remains with two threads. */
  readonly secondThread?: number;
}

/** Returns the milliseconds of a step, without noise. */
export type Machine = (shape: StepShape, threads: number, busy: boolean) => number;

export function machineOf(machine: MachineShape): Machine {
  const { oneMs, rowMs, rowContextMs = 0, tileContextMs = 0, secondThread = 0.6 } = machine;
  return ({ decode, prompt, rowContext, tileContext }, threads, busy) => {
    let ms = rowContext * rowContextMs + tileContext * tileContextMs;
    for (const rows of [...decode, ...prompt]) ms += oneMs + rowMs * (rows - 1);
    // A pass with all cores waits for the other process at each barrier.
    return threads === 1 ? ms * (busy ? 1.1 : 1) : ms * secondThread * (busy ? 10 : 1);
  };
}

/** A job that arrives while the streams decode. */
export interface Newcomer {
  /** Number of the step at which the job arrives. */
  readonly step: number;
  readonly promptTokens: number;
}

export interface Scenario {
  readonly machine: Machine;
  /** Number of streams that decode from the start, in neighbouring slots. */
  readonly streams: number;
  readonly steps: number;
  readonly newcomer?: Newcomer;
  readonly busyAt?: (ms: number) => boolean;
  /** Part by which the time of steps varies, in both directions. With noise, one step in a hundred takes three times as long. */
  readonly noise?: number;
  readonly seed?: number;
}

export interface SimulatedStep {
  readonly shape: StepShape;
  readonly threads: number;
  readonly ms: number;
  readonly promptTokens: number;
}

export function runScenario(pacing: Pacing, scenario: Scenario): SimulatedStep[] {
  const { machine, streams, newcomer, noise = 0, busyAt = () => false } = scenario;
  const random = randomNumbers(scenario.seed ?? 1);
  const steps: SimulatedStep[] = [];
  let [ms, read] = [0, 0];
  while (steps.length < scenario.steps) {
    const isReading = newcomer !== undefined && steps.length >= newcomer.step && read < newcomer.promptTokens;
    const heldTokens = streams * steps.length;
    const limits = pacing.plan({
      runs: streams === 0 ? [] : [streams],
      heldTokens,
      prompts: isReading ? 1 : 0,
      promptHeld: isReading ? read : undefined,
    });
    const promptTokens = isReading ? Math.min(limits.prefillBudget, newcomer.promptTokens - read) : 0;
    const ofPiece = contextOf(promptTokens, read, tileTokens);
    const ofStream = contextOf(1, steps.length, tileTokens);
    const shape = {
      decode: limits.divide(streams, 1),
      prompt: promptTokens > 0 ? [promptTokens] : [],
      rowContext: streams * ofStream.rowContext + ofPiece.rowContext,
      tileContext: ofPiece.tileContext,
    };
    const threads = pacing.threads(shape);
    const part = random();
    const factor = noise === 0 ? 1 : random() < 0.01 ? 3 : 1 + noise * (2 * part - 1);
    const stepMs = factor * machine(shape, threads, busyAt(ms));
    pacing.observe(shape, { threads, ms: stepMs, scored: 0 });
    steps.push({ shape, threads, ms: stepMs, promptTokens });
    // The other process takes one of two cores.
    if (Math.floor((ms + stepMs) / 1_000) > Math.floor(ms / 1_000)) pacing.recordFreeCores(busyAt(ms) ? 1 : 2);
    ms += stepMs;
    read += promptTokens;
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
