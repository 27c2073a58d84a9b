// Shows that what is said of an answer that the worker does not have any more follows from what the worker tells.
import { expect, it } from "vitest";
import { newAnswer } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { goneProblem } from "./gone.ts";

const minute = 60_000;
const now = 100 * minute;
const sent = (minutesAgo: number, more: Partial<Answer> = {}): Answer => ({
  ...newAnswer("turn", "job", now - minutesAgo * minute),
  phase: "streaming",
  text: "Once",
  ...more,
});
const worker = (upMinutes: number): Parameters<typeof goneProblem>[1] => ({
  uptime_ms: upMinutes * minute,
  answer_window_ms: 30 * minute,
});
const words = (answer: Answer, upMinutes: number): string => goneProblem(answer, worker(upMinutes), now).message;

it("says why, and what is left of it", () => {
  expect(words(sent(5), 2)).toBe("The worker was restarted while it answered. What you see is what had arrived.");
  expect(words(sent(45), 90)).toMatch(/^The worker keeps an answer for 30 minutes after its end; this one is gone\./);
  expect(words(sent(5), 90)).toMatch(/^The worker's room for ended answers is full/);
  expect(words(sent(5, { text: "" }), 2)).toMatch(/Nothing of it had arrived\.$/);
  expect(words(sent(5, { text: "", phase: "sending" }), 90)).toBe("The message did not reach the worker.");
});

it("counts from the job that went on with it", () => {
  expect(words(sent(90, { jobSentAt: now - 5 * minute }), 60)).toMatch(/room for ended answers/);
});
