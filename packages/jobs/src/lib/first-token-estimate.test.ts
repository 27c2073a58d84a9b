import { expect, test } from "vitest";
import { createFirstTokenEstimate } from "./first-token-estimate.ts";

const waitMs = (position: number): number => position * 1_000;

test("adds the wait before a slot to the time that as many tokens took", () => {
  const estimate = createFirstTokenEstimate(waitMs);
  estimate.prefilled(1_000, 500);
  estimate.prefilled(3_000, 1_500);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 400 })).toBe(200);
  expect(estimate.estimateMs({ position: 3, uncachedTokens: 400 })).toBe(3_200);
});

test("knows nothing before a prompt was computed, or how long this one is, or how long jobs take", () => {
  const estimate = createFirstTokenEstimate((position) => (position > 2 ? undefined : 0));
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 400 })).toBeUndefined();
  estimate.prefilled(1_000, 500);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: undefined })).toBeUndefined();
  expect(estimate.estimateMs({ position: 3, uncachedTokens: 400 })).toBeUndefined();
  expect(estimate.estimateMs({ position: 2, uncachedTokens: 400 })).toBe(200);
});

test("short prompts, which take a step each, say nothing about long ones", () => {
  const estimate = createFirstTokenEstimate(waitMs);
  estimate.prefilled(1, 80);
  estimate.prefilled(3, 120);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 20 })).toBe(100);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 2_000 })).toBeUndefined();
  estimate.prefilled(1_000, 500);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 20 })).toBe(100);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 2_000 })).toBe(1_000);
});

test("follows the last prompts", () => {
  const estimate = createFirstTokenEstimate(waitMs);
  for (let i = 0; i < 20; i += 1) estimate.prefilled(1_000, 10_000);
  for (let i = 0; i < 16; i += 1) estimate.prefilled(1_000, 100);
  expect(estimate.estimateMs({ position: 0, uncachedTokens: 1_000 })).toBe(100);
});
