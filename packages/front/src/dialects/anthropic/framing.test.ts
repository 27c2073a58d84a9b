import type { Job } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { anthropicFraming } from "./framing.ts";

test("an event without text does not start the message, and does not postpone the keep-alive delta", () => {
  const clock = createFakeClock();
  const stream = { model: "m", requestId: "r", opening: "text", clock, pingIntervalMs: 1_000 } as const;
  const framing = anthropicFraming({ id: "job-7", callKey: "k" } as Job, stream);
  const isComment = (): boolean => framing.keepAlive("unframed").startsWith(": ");
  expect(isComment()).toBe(true);
  clock.advance(999);
  expect(isComment()).toBe(true);
  clock.advance(1);
  expect(isComment()).toBe(false);
  clock.advance(999);
  expect(isComment()).toBe(true);
});
