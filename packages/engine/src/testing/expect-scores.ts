// Compares the results of decide jobs on the fake backend with fresh passes. For tests.
import { expect } from "vitest";
import { expectedFakeLogprob, fakeEndOfGeneration, tokenizeFake, tokenizeFakeText } from "../fake/fake-model.ts";
import type { EngineJob, JobEvent } from "../port/messages.ts";
import type { DecideWork, Reading } from "../port/work.ts";
import type { EngineHarness } from "./engine-harness.ts";
import { conversationOf } from "../decide/prepare-decide.ts";

/** The scores of a reading by one fresh pass for each answer. */
function scoresOf(work: DecideWork, reading: Reading): number[] {
  const prompt = tokenizeFake({ kind: "messages", ...conversationOf(work, reading) });
  const scoreOf = (text: string): number => {
    const answer = [...tokenizeFakeText(text), ...(reading.ends ? [fakeEndOfGeneration] : [])];
    return answer.reduce((sum, token, i) => sum + expectedFakeLogprob([...prompt, ...answer.slice(0, i)], token), 0);
  };
  return reading.options.map((texts) => Math.log(texts.reduce((sum, text) => sum + Math.exp(scoreOf(text)), 0)));
}

export function vectorsOf(events: readonly JobEvent[]): [index: number, vector: readonly number[]][] {
  return events.flatMap((event) => (event.type === "embedding" ? [[event.index, event.vector]] : []));
}

export function expectScores({ of }: EngineHarness, { jobId, work }: EngineJob<DecideWork>, from = 0): void {
  expect(expectVectors(of(jobId), work, from), "a vector for each reading").toBe(work.readings.length - from);
}

/** The job may have ended before its last reading. @returns the number of vectors */
export function expectVectors(events: readonly JobEvent[], work: DecideWork, from = 0): number {
  const vectors = vectorsOf(events);
  expect(vectors.map(([index]) => index)).toEqual(vectors.map((_, i) => from + i));
  for (const [index, vector] of vectors) {
    scoresOf(work, work.readings[index] as Reading).forEach((score, i) => expect(vector[i]).toBeCloseTo(score, 9));
  }
  return vectors.length;
}
