// Shows that the turns around a deleted message keep their order, also when several in a row are deleted or one is restored.
import { expect, it } from "vitest";
import { withoutRemoved } from "./removed-turns.ts";
import { shownPath, type TreeTurn } from "./turn-tree.ts";

const turn = (id: string, parent: string | undefined, sentAt: number): TreeTurn => ({
  id,
  sentAt,
  ...(parent === undefined ? {} : { parent }),
});
const turns = [turn("a", undefined, 1), turn("b", "a", 2), turn("c", "b", 3), turn("d", "c", 4)];
const path = (removed: Readonly<Record<string, string | null>>, of: readonly TreeTurn[] = turns): string =>
  shownPath(withoutRemoved(of, removed), {})
    .map(({ id }) => id)
    .join("");

it("leaves out a deleted message, and keeps those after it", () => {
  expect(withoutRemoved(turns, undefined)).toBe(turns);
  expect(path({ b: "a" })).toBe("acd");
  expect(path({ a: "" })).toBe("bcd");
  expect(path({ d: "c" })).toBe("abc");
  expect(path({ b: "a", c: "b" })).toBe("ad");
  expect(path({ c: "b", a: "", b: "a" })).toBe("d");
});

it("keeps the place of later messages when the deleted ones are gone from the storage", () => {
  expect(path({ b: "a", c: "b" }, [...turns.slice(0, 1), ...turns.slice(3)])).toBe("ad");
});

it("shows a restored message again", () => {
  expect(path({ b: null })).toBe("abcd");
  expect(path({ b: null, c: "b" })).toBe("abd");
});

it("gives the same object for a moved turn, so that it is not drawn again", () => {
  const [, first] = withoutRemoved(turns, { b: "a" });
  const [, again] = withoutRemoved(turns, { b: "a" });
  expect(first).toEqual(turn("c", "a", 3));
  expect(again).toBe(first);
});

it("ends with a record from a broken file whose turns name each other", () => {
  expect(path({ a: "b", b: "a" })).toBe("cd");
});
