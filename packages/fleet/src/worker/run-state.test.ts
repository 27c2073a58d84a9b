import { expect, test } from "vitest";
import { isActive, mayCompute, transition, type RunEvent, type RunState } from "./run-state.ts";

const events: readonly RunEvent[] = ["claim", "submit", "accepted", "cancel", "end", "leave", "lost", "done"];
const active = ["reading", "claiming", "submitting", "running"] as const;
const past = ["ending", "leaving", "gone"] as const;

/** The state's name after each event that is possible; a cancelled state has a `!` behind its name. */
const table: Record<RunState["name"], Partial<Record<RunEvent, string>>> = {
  reading: { claim: "claiming", cancel: "reading!", end: "ending", leave: "leaving" },
  claiming: { submit: "submitting", cancel: "claiming!", end: "ending", leave: "leaving", lost: "gone" },
  submitting: { accepted: "running", cancel: "submitting!", end: "ending", leave: "leaving", lost: "gone" },
  running: { cancel: "running!", end: "ending", leave: "leaving", lost: "gone" },
  ending: { accepted: "ending", cancel: "ending", lost: "gone", done: "gone" },
  leaving: { accepted: "leaving", cancel: "leaving", lost: "gone", done: "gone" },
  gone: { accepted: "gone", cancel: "gone" },
};

function shown(state: RunState): string {
  return "cancelled" in state && state.cancelled ? `${state.name}!` : state.name;
}

const states: readonly RunState[] = [
  ...active.map((name) => ({ name, cancelled: false })),
  ...past.map((name) => ({ name })),
];

test.each(states.flatMap((state) => events.map((event) => [state, event] as const)))("%j after %s", (state, event) => {
  const expected = table[state.name][event];
  if (expected !== undefined) return expect(shown(transition(state, event))).toBe(expected);
  expect(() => transition(state, event)).toThrow(`Cannot apply "${event}" to a run: it is ${state.name}`);
});

test("a cancel is kept until the run ends, and keeps the model from computing", () => {
  let state: RunState = transition({ name: "reading", cancelled: false }, "cancel");
  for (const event of ["claim", "submit", "accepted"] as const) {
    expect([isActive(state), mayCompute(state)]).toEqual([true, false]);
    state = transition(state, event);
  }
  expect(state).toEqual({ name: "running", cancelled: true });
  expect(isActive(transition(state, "end"))).toBe(false);
});

test("the model computes only for an active run that is not cancelled", () => {
  expect(states.map(mayCompute)).toEqual([true, true, true, true, false, false, false]);
});
