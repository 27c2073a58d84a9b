import { expect, test } from "vitest";
import { adaptersOf } from "./adapters.ts";

const loaded = [1, 0.5].map((scale, id) => ({ id, file: `${id}.gguf`, scale }));

test("a choice of adapters becomes a scale for each adapter, or undefined for the scales at load", () => {
  expect(adaptersOf(undefined, loaded)).toBeUndefined();
  expect(adaptersOf([{ id: 1, scale: 2 }], loaded)).toEqual([0, 2]);
  expect(adaptersOf([], loaded)).toEqual([0, 0]);
  expect(adaptersOf([], [])).toBeUndefined();
  const own = loaded.map(({ id, scale }) => ({ id, scale }));
  expect(adaptersOf(own.toReversed(), loaded)).toBeUndefined();
  expect(() => adaptersOf([{ id: 2, scale: 1 }], loaded)).toThrow("there is no adapter 2; the model has 2, from 0");
  expect(() => adaptersOf([{ id: 0, scale: 1 }], [])).toThrow("the model has no adapters");
});
