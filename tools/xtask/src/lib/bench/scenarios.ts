// Owns the list of scenarios, in the order in which they are played and shown.
import type { Scenario } from "./scenario.ts";
import { busyCores } from "./scenarios/busy-cores.ts";
import { concurrency } from "./scenarios/concurrency.ts";
import { endurance } from "./scenarios/endurance.ts";
import { joining } from "./scenarios/joining.ts";
import { promptLength } from "./scenarios/prompt-length.ts";
import { secondTurn } from "./scenarios/second-turn.ts";
import { sharedPrefix } from "./scenarios/shared-prefix.ts";
import { takingTurns } from "./scenarios/taking-turns.ts";

export const scenarios: readonly Scenario[] = [
  concurrency,
  promptLength,
  joining,
  secondTurn,
  sharedPrefix,
  takingTurns,
  busyCores,
  endurance,
];

/** All of them where none is named. @throws Error naming those there are */
export function scenariosNamed(names: readonly string[]): readonly Scenario[] {
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    const known = scenarios.map(({ name }) => name).join(", ");
    throw new Error(`Cannot play scenario ${unknown}: there are ${known}`);
  }
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name));
}
