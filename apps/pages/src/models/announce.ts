// Owns the announcements for screen readers when models appear, disappear or change their state. Pure.
import type { ModelStateName, ModelStatus } from "@waggle/protocol";
import { stateWord } from "../parts/model-state.tsx";

export type StatesByName = ReadonlyMap<string, ModelStateName>;

export function statesOf(models: readonly ModelStatus[]): StatesByName {
  return new Map(models.map(({ name, state }) => [name, state]));
}

/** A sentence for each difference; empty without a difference. */
export function stateChanges(before: StatesByName, after: StatesByName): string {
  const changed = [...after].filter(([name, state]) => before.get(name) !== state);
  const gone = [...before.keys()].filter((name) => !after.has(name));
  return [
    ...changed.map(([name, state]) => `${name} is ${stateWord(state)}.`),
    ...gone.map((name) => `${name} is gone.`),
  ].join(" ");
}
