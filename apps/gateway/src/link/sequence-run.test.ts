import { expect, it } from "vitest";
import { transition, type SequenceEvent, type SequencePhase } from "./sequence-run.ts";

function after(...events: readonly SequenceEvent[]): SequencePhase {
  return events.reduce<SequencePhase>(transition, "waiting");
}

it("is taken after the first record of a sequence that this gateway published, also when it is cancelled", () => {
  expect([after("publish"), after("publish", "cancel")]).toEqual(["published", "published"]);
  expect([after("publish", "record"), after("publish", "cancel", "record")]).toEqual(["taken", "taken"]);
});

it("is elsewhere when another gateway's publication is found, or a record arrives before the own publication", () => {
  expect([after("find_published"), after("record")]).toEqual(["elsewhere", "elsewhere"]);
  expect(after("record", "record", "cancel")).toBe("elsewhere");
});

it("is withdrawn by a cancel before its publication, also when a record arrives later", () => {
  expect([after("cancel"), after("cancel", "record")]).toEqual(["withdrawn", "withdrawn"]);
});

it.each<readonly SequenceEvent[]>([
  ["cancel", "publish"],
  ["cancel", "find_published"],
  ["record", "publish"],
  ["publish", "find_published"],
  ["publish", "publish"],
  ["end", "record"],
  ["end", "end"],
])("refuses %s, %s", (...events) => {
  expect(() => after(...events)).toThrow(`Cannot apply "${events[1]}" to a sequence`);
});
