// Shows that all branches are kept, and that each branch can be shown.
import fc from "fast-check";
import { expect, it } from "vitest";
import { choicesFor, hasCircle, pathTo, shownPath, siblingIds, type TreeMessage } from "./message-tree.ts";

const message = (id: string, parent?: string, sentAt = 0): TreeMessage => ({
  id,
  sentAt,
  ...(parent === undefined ? {} : { parent }),
});
const ids = (messages: readonly TreeMessage[]): string => messages.map(({ id }) => id).join(" ");

/** a ─ b ─ c ─ d, with sibling b2 of b, sibling c2 of c, and e after b2. */
const tree = [
  message("a"),
  message("c2", "b", 3),
  message("b", "a", 1),
  message("b2", "a", 2),
  message("c", "b", 2),
  message("d", "c", 3),
  message("e", "b2", 4),
];

it("shows the newest branch, or the chosen branch with its chosen branches", () => {
  expect(ids(shownPath(tree, {}))).toBe("a b2 e");
  expect(ids(shownPath(tree, { a: "b" }))).toBe("a b c2");
  expect(ids(shownPath(tree, { a: "b", b: "c" }))).toBe("a b c d");
  expect(ids(shownPath(tree, { a: "gone" }))).toBe("a b2 e");
  expect(shownPath([], {})).toEqual([]);
});

it("finds the path to a message on any branch", () => {
  expect(ids(pathTo(tree, "d"))).toBe("a b c d");
  expect(pathTo(tree, "nobody")).toEqual([]);
});

it("lists the versions of a message, oldest first", () => {
  expect(siblingIds(tree).get("b2")).toEqual(["b", "b2"]);
  expect(siblingIds(tree).get("a")).toEqual(["a"]);
});

it("finds the choices that show a message", () => {
  expect(ids(shownPath(tree, { ...choicesFor(tree, "c"), "": "a" }))).toBe("a b c d");
});

it("puts a message whose parent is missing at the beginning, and finds circles", () => {
  expect(ids(shownPath([message("x", "gone", 9), ...tree], {}))).toBe("x");
  expect(siblingIds([message("x", "gone", 9), ...tree]).get("x")).toEqual(["a", "x"]);
  expect(hasCircle(tree)).toBe(false);
  expect(hasCircle([...tree, message("x", "y"), message("y", "x")])).toBe(true);
  expect(ids(pathTo([message("x", "y"), message("y", "x")], "x"))).toBe("y x");
});

it("every message of any tree can be shown", () => {
  const trees = fc
    .array(fc.nat(), { maxLength: 30 })
    .map((parents) =>
      parents.map((parent, i) => message(`t${i}`, i === 0 || parent % 5 === 0 ? undefined : `t${parent % i}`, parent)),
    );
  fc.assert(
    fc.property(trees, (messages) => {
      for (const { id } of messages)
        expect(shownPath(messages, choicesFor(messages, id)).map((at) => at.id)).toContain(id);
    }),
  );
});
