// Shows that the reason for a lost job follows from the worker's uptime and answer window.
import { expect, it } from "vitest";
import { newAnswer, type Answer } from "../conversation/answer.ts";
import { lostJobProblem } from "./lost-jobs.ts";

const minute = 60_000;
const now = 100 * minute;
const sent = (minutesAgo: number, more: Partial<Answer> = {}): Answer => ({
  ...newAnswer("turn", "job", now - minutesAgo * minute),
  phase: "streaming",
  text: "Once",
  ...more,
});
const worker = (upMinutes: number): Parameters<typeof lostJobProblem>[1] => ({
  uptime_ms: upMinutes * minute,
  answer_window_ms: 30 * minute,
});
const words = (answer: Answer, upMinutes: number): string => lostJobProblem(answer, worker(upMinutes), now).message;

it("explains the loss, and how much of the answer arrived", () => {
  expect(words(sent(5), 2)).toBe("The worker was restarted during the answer. The text shown is all that arrived.");
  expect(words(sent(45), 90)).toMatch(/^The worker keeps an answer for 30 min after its end, and that time is over\./);
  expect(words(sent(5), 90)).toMatch(/^The worker's memory for ended answers is full/);
  expect(words(sent(5, { text: "" }), 2)).toMatch(/Nothing of the answer arrived\.$/);
  expect(words(sent(5, { text: "", phase: "sending" }), 90)).toBe("The message did not reach the worker.");
});

it("measures the time since the last job was sent, even if that job continued an older answer", () => {
  expect(words(sent(90, { jobSentAt: now - 5 * minute }), 60)).toMatch(/memory for ended answers/);
});
