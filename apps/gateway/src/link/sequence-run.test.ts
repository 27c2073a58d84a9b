import { expect, it } from "vitest";
import { transition, type SequenceEvent, type SequencePhase } from "./sequence-run.ts";

const phases: readonly SequencePhase[] = [
  { name: "waiting" },
  { name: "published", cancelledAt: undefined },
  { name: "taken", cancelledAt: undefined },
  { name: "elsewhere", cancelledAt: undefined },
  { name: "withdrawn" },
  { name: "over" },
];
const events: readonly SequenceEvent[] = [
  { type: "published" },
  { type: "published_elsewhere" },
  { type: "record" },
  { type: "cancel", at: 5 },
  { type: "end" },
];

/** The phase's name after each event that is possible; a cancelled phase has a `!` behind its name. */
const table: Record<SequencePhase["name"], Partial<Record<SequenceEvent["type"], string>>> = {
  waiting: {
    published: "published",
    published_elsewhere: "elsewhere",
    record: "elsewhere",
    cancel: "withdrawn",
    end: "over",
  },
  published: { record: "taken", cancel: "published!", end: "over" },
  taken: { record: "taken", cancel: "taken!", end: "over" },
  elsewhere: { record: "elsewhere", cancel: "elsewhere!", end: "over" },
  withdrawn: { record: "withdrawn", cancel: "withdrawn", end: "over" },
  over: {},
};

function shown(phase: SequencePhase): string {
  return "cancelledAt" in phase && phase.cancelledAt !== undefined ? `${phase.name}!` : phase.name;
}

it.each(phases.flatMap((phase) => events.map((event) => [phase, event] as const)))("%j after %j", (phase, event) => {
  const expected = table[phase.name][event.type];
  if (expected !== undefined) return expect(shown(transition(phase, event))).toBe(expected);
  expect(() => transition(phase, event)).toThrow(`Cannot apply "${event.type}" to a sequence: it is ${phase.name}`);
});

it("keeps the time of the first cancel when a worker takes the sequence", () => {
  let phase: SequencePhase = { name: "published", cancelledAt: undefined };
  for (const event of [{ type: "cancel", at: 5 }, { type: "cancel", at: 9 }, { type: "record" }] as const) {
    phase = transition(phase, event);
  }
  expect(phase).toEqual({ name: "taken", cancelledAt: 5 });
});
