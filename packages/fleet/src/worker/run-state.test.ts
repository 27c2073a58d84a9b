import { expect, test } from "vitest";
import { isActive, transition, type RunEvent, type RunState } from "./run-state.ts";

function after(...events: readonly RunEvent[]): RunState {
  return events.reduce<RunState>(transition, "active");
}

test("a cancel is kept until the run ends, and a late cancel changes nothing", () => {
  expect([after("cancel"), after("cancel", "cancel")]).toEqual(["cancelled", "cancelled"]);
  expect([after("end", "cancel"), after("leave", "cancel")]).toEqual(["ending", "gone"]);
});

test("a run is active until its end is known or another worker has the job", () => {
  expect([after(), after("cancel")].map(isActive)).toEqual([true, true]);
  expect([after("end"), after("cancel", "end"), after("leave")].map(isActive)).toEqual([false, false, false]);
});

test.each([
  ["end", "end"],
  ["end", "leave", "end"],
  ["leave", "leave"],
  ["leave", "end"],
] as const)("refuses a second end: %s, %s", (...events) => expect(() => after(...events)).toThrow("Cannot apply"));
