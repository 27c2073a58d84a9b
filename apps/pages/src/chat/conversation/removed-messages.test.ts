// Shows that the messages around a deleted one keep their order, also when several in a row are deleted or one is restored.
import { expect, it } from "vitest";
import { withoutRemoved } from "./removed-messages.ts";
import { shownPath, type TreeMessage } from "./message-tree.ts";

const message = (id: string, parent: string | undefined, sentAt: number): TreeMessage => ({
  id,
  sentAt,
  ...(parent === undefined ? {} : { parent }),
});
const messages = [message("a", undefined, 1), message("b", "a", 2), message("c", "b", 3), message("d", "c", 4)];
const path = (removed: Readonly<Record<string, string | null>>, of: readonly TreeMessage[] = messages): string =>
  shownPath(withoutRemoved(of, removed), {})
    .map(({ id }) => id)
    .join("");

it("leaves out a deleted message, and keeps those after it", () => {
  expect(withoutRemoved(messages, undefined)).toBe(messages);
  expect(path({ b: "a" })).toBe("acd");
  expect(path({ a: "" })).toBe("bcd");
  expect(path({ d: "c" })).toBe("abc");
  expect(path({ b: "a", c: "b" })).toBe("ad");
  expect(path({ c: "b", a: "", b: "a" })).toBe("d");
});

it("keeps the place of later messages when the deleted ones are gone from the storage", () => {
  expect(path({ b: "a", c: "b" }, [...messages.slice(0, 1), ...messages.slice(3)])).toBe("ad");
});

it("shows a restored message again", () => {
  expect(path({ b: null })).toBe("abcd");
  expect(path({ b: null, c: "b" })).toBe("abd");
});

it("gives the same object for a moved message, so that it is not drawn again", () => {
  const [, first] = withoutRemoved(messages, { b: "a" });
  const [, again] = withoutRemoved(messages, { b: "a" });
  expect(first).toEqual(message("c", "a", 3));
  expect(again).toBe(first);
});

it("ends with a record from a broken file whose messages name each other", () => {
  expect(path({ a: "b", b: "a" })).toBe("cd");
});
