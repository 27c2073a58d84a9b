import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KvSnapshot } from "../port/kv.ts";
import { createKvIndex } from "./kv-index.ts";

let count = 0;
const state = (entries: readonly number[], given: Partial<KvSnapshot> = {}): KvSnapshot => ({
  id: `s${count++}`,
  entries,
  chunks: [],
  cacheScope: "alice",
  bytes: entries.length,
  ...given,
});

describe("the index of KV snapshots", () => {
  test("finds snapshots of one scope that share a prefix with the prompt: shortest prefix first, then smallest snapshot", () => {
    const store = createKvIndex(100);
    const short = state([1, 2, 9]);
    const large = state([1, 2, 8, 8]);
    const long = state([1, 2, 3, 4, 5]);
    for (const each of [large, short, long]) store.add(each);
    store.add(state([1, 2, 3, 4, 5, 6], { cacheScope: "bob" }));
    expect(store.matches([1, 2, 3, 4, 8], "alice")).toEqual([
      { state: short, length: 2 },
      { state: large, length: 2 },
      { state: long, length: 4 },
    ]);
    expect(store.matches([1, 2, 9, 9], "alice").at(-1)).toEqual({ state: short, length: 3 });
    expect(store.matches([7], "alice")).toEqual([]);
    expect(store.matches([1, 2], "carol")).toEqual([]);
  });

  test("a client's snapshots evict its own, not those of others", () => {
    const store = createKvIndex(10);
    const other = state([1, 2, 3], { cacheScope: "bob" });
    const own = [1, 2, 3, 4].map((token) => state([token, token, token]));
    store.add(other);
    expect(own.map((each) => store.add(each))).toEqual([[], [], [own[0]], [own[1]]]);
    expect(store.matches([1], "bob")).toHaveLength(1);
  });

  test("the snapshots of a client with several choices of adapters count together", () => {
    const store = createKvIndex(10);
    const other = state([1, 2, 3, 4], { cacheScope: "bob" });
    const own = [1, 2, 3].map((scale) => state([scale, scale, scale], { cacheScope: `alice\n${scale}` }));
    store.add(other);
    expect(own.map((each) => store.add(each))).toEqual([[], [], [own[0]]]);
    expect(store.matches([2], "alice\n3")).toEqual([]);
  });

  test("finds chunks of pictures as a whole", () => {
    const store = createKvIndex(100);
    const chunk = { id: "a", entry: -1, picture: 0, cells: 3, positions: 2, causal: true };
    store.add(state([1, -1, -1], { chunks: [{ at: 1, chunk }] }));
    expect(store.matches([1, -1, -1, -1, 2], "alice")).toMatchObject([{ length: 1 }]);
    store.add(state([1, -1, -1, -1], { chunks: [{ at: 1, chunk }] }));
    expect(store.matches([1, -1, -1, -1, 2], "alice")).toMatchObject([{ length: 1 }, { length: 4 }]);
  });

  test("drops snapshots that are prefixes of a new one in the same scope", () => {
    const store = createKvIndex(100);
    const short = state([1, 2]);
    const other = state([1, 2], { cacheScope: "bob" });
    store.add(short);
    store.add(other);
    expect(store.add(state([1, 2, 3]))).toEqual([short]);
    expect([store.count, store.bytes]).toEqual([2, 5]);
  });

  test("drops the least recently used snapshots beyond the limit of bytes, and a snapshot larger than the limit", () => {
    const store = createKvIndex(6);
    const [first, second, third] = [state([1, 1]), state([2, 2]), state([3, 3])] as const;
    for (const each of [first, second, third]) expect(store.add(each)).toEqual([]);
    store.touch(first);
    expect(store.add(state([4, 4]))).toEqual([second]);
    const huge = state([5, 5, 5, 5, 5, 5, 5]);
    expect(store.add(huge)).toContain(huge);
    expect(store.bytes).toBe(0);
  });

  test("does not find a removed snapshot, even after a touch", () => {
    const store = createKvIndex(6);
    const only = state([1, 1]);
    store.add(only);
    store.remove(only);
    store.touch(only);
    expect([store.count, store.bytes, store.matches([1, 1], "alice")]).toEqual([0, 0, []]);
  });

  test("counts the bytes of random snapshots that it finds, and stays within the limit", () => {
    const anyState = fc.record({ tokens: fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }), bytes: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(anyState, { maxLength: 30 }), fc.nat(30), (drawn, maxBytes) => {
        const store = createKvIndex(maxBytes);
        const kept = new Map<string, KvSnapshot>();
        for (const { tokens, bytes } of drawn) {
          const added = state(tokens, { bytes });
          kept.set(added.id, added);
          for (const gone of store.add(added)) expect(kept.delete(gone.id)).toBe(true);
          expect(store.bytes).toBeLessThanOrEqual(maxBytes);
          expect(store.bytes).toBe([...kept.values()].reduce((sum, each) => sum + each.bytes, 0));
          for (const { entries } of kept.values()) {
            expect(store.matches(entries, "alice").at(-1)?.length).toBe(entries.length);
          }
        }
      }),
    );
  });
});
