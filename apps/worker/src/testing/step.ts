// Moves an engine behind a gate by whole steps.
import type { StepGate } from "@waggle/engine";

/** Resolves when this many steps have ended and the next step has begun. */
export async function step(gate: StepGate, steps = 1): Promise<void> {
  for (let done = 0; done < steps; done += 1) {
    await gate.held();
    gate.step();
  }
  await gate.held();
}
