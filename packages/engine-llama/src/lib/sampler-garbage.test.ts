import { expect, test } from "vitest";
import { createSamplerGarbage } from "./sampler-garbage.ts";

/** 12 bytes for each token: 1 MiB. */
const vocabularySize = 2 ** 20 / 12;

test("collects the young generation after every 4 MiB of dead samplers, and everything after 16", () => {
  const collected: string[] = [];
  const garbage = createSamplerGarbage(vocabularySize, (minor) => collected.push(minor === true ? "minor" : "all"));
  for (let sampler = 1; sampler <= 32; sampler++) {
    garbage.add();
    garbage.collect();
    garbage.collect();
    if (sampler % 4 !== 0) expect(collected).toHaveLength(Math.floor(sampler / 4));
  }
  expect(collected).toEqual(["minor", "minor", "minor", "all", "minor", "minor", "minor", "all"]);
});

test("does without where V8 does not offer it", () => {
  const garbage = createSamplerGarbage(vocabularySize, undefined);
  for (let sampler = 0; sampler < 100; sampler++) garbage.add();
  expect(() => garbage.collect()).not.toThrow();
});
