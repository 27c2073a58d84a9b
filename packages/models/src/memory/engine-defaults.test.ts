import { describe, expect, test } from "vitest";
import { contextDefaults, textTokens, type ContextDefaultsOptions } from "./engine-defaults.ts";

const all: ContextDefaultsOptions = { trained: 32_768, slots: 8, isShared: true, fits: () => true };
/** A machine with memory for a pool of this many tokens. */
const upTo = (tokens: number): ContextDefaultsOptions => ({ ...all, fits: (_, pool) => pool <= tokens });

describe("a shared pool", () => {
  test("has 8,192 tokens per slot, and one job may have them all, up to the trained size", () => {
    expect(contextDefaults(all)).toEqual({ contextSize: 32_768, contextPool: 65_536 });
    expect(contextDefaults({ ...all, trained: 131_072 })).toEqual({ contextSize: 65_536, contextPool: 65_536 });
  });

  test("is never larger than its slots can fill", () => {
    expect(contextDefaults({ ...all, trained: 512 })).toEqual({ contextSize: 512, contextPool: 4_096 });
    expect(contextDefaults({ ...all, contextSize: 1_000, contextPool: 20_000 })).toEqual({
      contextSize: 1_000,
      contextPool: 8_000,
    });
  });

  test("is smaller if the memory is short, in steps of 256 tokens", () => {
    expect(contextDefaults(upTo(30_000))).toEqual({ contextSize: 29_952, contextPool: 29_952 });
    expect(contextDefaults(upTo(40_000))).toEqual({ contextSize: 32_768, contextPool: 39_936 });
    expect(contextDefaults(upTo(255))).toBeUndefined();
  });

  test("is measured with the context that one job then has", () => {
    const asked: number[][] = [];
    contextDefaults({ ...all, fits: (...sizes) => asked.push(sizes) > 0 });
    expect(asked.every(([size = 0, pool = 0]) => size === Math.min(32_768, pool))).toBe(true);
  });

  test("has room for a full context in each slot where the context size is set, and at least for one", () => {
    expect(contextDefaults({ ...all, contextSize: 20_000 })).toEqual({ contextSize: 20_000, contextPool: 160_000 });
    expect(contextDefaults({ ...upTo(50_000), contextSize: 20_000 })?.contextPool).toBe(49_920);
    expect(contextDefaults({ ...upTo(10_000), contextSize: 20_000 })).toEqual({
      contextSize: 20_000,
      contextPool: 20_000,
    });
  });

  test("of a configured size is not made smaller, and one job may have it all", () => {
    expect(contextDefaults({ ...upTo(256), contextPool: 30_000 })).toEqual({
      contextSize: 30_000,
      contextPool: 30_000,
    });
    expect(contextDefaults({ ...all, contextPool: 100_000 })).toEqual({ contextSize: 32_768, contextPool: 100_000 });
  });
});

describe("separate slots", () => {
  const separate = { ...all, isShared: false };

  test("have the trained size each, up to 8,192 tokens, so that the pool is never full", () => {
    expect(contextDefaults(separate)).toEqual({ contextSize: 8_192, contextPool: 65_536 });
    expect(contextDefaults({ ...separate, trained: 300 })).toEqual({ contextSize: 300, contextPool: 2_400 });
  });

  test("are shorter if the memory is short", () => {
    expect(contextDefaults({ ...separate, fits: (size) => size <= 2_047 })).toEqual({
      contextSize: 1_792,
      contextPool: 14_336,
    });
    expect(contextDefaults({ ...separate, fits: () => false })).toBeUndefined();
  });

  test("have the configured size, but at most an equal part of a configured pool", () => {
    expect(contextDefaults({ ...separate, contextSize: 20_000 })).toEqual({
      contextSize: 20_000,
      contextPool: 160_000,
    });
    expect(contextDefaults({ ...separate, contextPool: 100_001 })).toEqual({
      contextSize: 12_500,
      contextPool: 100_000,
    });
    expect(contextDefaults({ ...separate, contextSize: 20_000, contextPool: 100_001 })).toEqual({
      contextSize: 12_500,
      contextPool: 100_000,
    });
    expect(contextDefaults({ ...separate, contextSize: 4_096, contextPool: 100_000 })?.contextSize).toBe(4_096);
  });
});

test("a text has at most 2,048 tokens by default, and never more than the trained size or the pool", () => {
  expect(textTokens({ trained: 8_192 })).toBe(2_048);
  expect(textTokens({ trained: 512, contextSize: 1_000 })).toBe(512);
  expect(textTokens({ trained: 8_192, contextSize: 4_096 })).toBe(4_096);
  expect(textTokens({ trained: 8_192, contextPool: 1_024 })).toBe(1_024);
});
