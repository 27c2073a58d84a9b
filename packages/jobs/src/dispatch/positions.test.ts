import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import type { Job } from "../job/job.ts";
import { createPositions } from "./positions.ts";

it("a job's first position is announced at once, and changes at most once a second", () => {
  const clock = createFakeClock();
  const job = { spec: { when: { priority: 5 } }, state: {} } as Job;
  const announced: number[] = [];
  let position = 3;
  const positions = createPositions({ clock, positionOf: () => position, onMoved: (_, next) => announced.push(next) });
  positions.announce(job);
  for (position of [2, 1]) positions.changed();
  clock.advance(999);
  expect(announced).toEqual([3]);
  clock.advance(1);
  expect(announced).toEqual([3, 1]);
});
