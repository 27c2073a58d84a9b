// Shows which key presses are shortcuts.
import { expect, it } from "vitest";
import { isFind, shortcutOf, shortcuts } from "./shortcuts.ts";

const press = {
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  defaultPrevented: false,
};

it.each(shortcuts)("$key is $id", ({ id, key }) => {
  expect(shortcutOf({ ...press, key }, false)).toBe(id);
  expect(shortcutOf({ ...press, key }, true)).toBeUndefined();
});

it("uses no key twice, and no key of the browser", () => {
  expect(new Set(shortcuts.map(({ key }) => key)).size).toBe(shortcuts.length);
  for (const held of ["ctrlKey", "metaKey", "altKey", "isComposing", "defaultPrevented"] as const) {
    expect(shortcutOf({ ...press, key: "n", [held]: true }, false)).toBeUndefined();
  }
  expect(shortcutOf({ ...press, key: "F5" }, false)).toBeUndefined();
});

it("finds with Ctrl+K, and with Cmd+K on a Mac, where Ctrl+K edits text", () => {
  const held = [{ ctrlKey: true }, { metaKey: true }, { ctrlKey: true, shiftKey: true }, {}];
  const finds = (mac: boolean): boolean[] => held.map((keys) => isFind({ ...press, key: "k", ...keys }, mac));
  expect([finds(false), finds(true)]).toEqual([
    [true, false, false, false],
    [false, true, false, false],
  ]);
});
