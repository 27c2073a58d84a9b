import { expect, test } from "vitest";
import { createEmbeddingStore, type EncodedChunk } from "./embeddings.ts";

/** Takes 40 bytes. */
const chunk = (): EncodedChunk => ({ values: new Float32Array(10), places: undefined });

function storeWith(maxBytes: number, ...ids: readonly string[]) {
  const store = createEmbeddingStore(maxBytes);
  for (const id of ids) store.add(id, chunk());
  const kept = (...of: readonly string[]): readonly string[] => of.filter((id) => store.get(id) !== undefined);
  return { store, kept };
}

test("beyond the limit, the least recently used embeddings are dropped", () => {
  const { store, kept } = storeWith(120, "a", "b", "c");
  expect(kept("b", "c", "a")).toEqual(["b", "c", "a"]);
  store.add("d", chunk());
  expect(kept("a", "b", "c", "d")).toEqual(["a", "c", "d"]);
});

test("embeddings that a slot needs are kept beyond the limit, until no slot needs them", () => {
  const { store, kept } = storeWith(40);
  for (const id of ["a", "b", "a"]) store.hold(id);
  store.add("a", chunk());
  store.add("b", chunk());
  expect(kept("a", "b")).toEqual(["a", "b"]);
  store.release("a");
  expect(kept("a", "b"), "another slot needs a").toEqual(["a", "b"]);
  store.release("a");
  expect(kept("a", "b")).toEqual(["b"]);
  store.release("b");
  expect(kept("b"), "it is within the limit").toEqual(["b"]);
});

test("embeddings that come again count once", () => {
  const { store, kept } = storeWith(80, "a", "a", "b");
  expect(kept("a", "b")).toEqual(["a", "b"]);
  store.add("b", chunk());
  expect(kept("a", "b")).toEqual(["a", "b"]);
});
