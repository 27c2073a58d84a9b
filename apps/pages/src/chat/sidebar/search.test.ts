// Shows that words are found regardless of case and accents, and shown as written.
import { expect, it } from "vitest";
import { findIn, folded } from "./search.ts";

it.each([
  ["Crème brûlée", "creme", "Crème"],
  ["Cre\u0300me", "crème", "Cre\u0300me"],
  ["DIE GROSSE BIENE", "große", undefined],
  ["Wir sahen ÜBER das Feld", "über", "ÜBER"],
  ["𝒳 bees 🐝 fly", "🐝 f", "🐝 f"],
  ["İstanbul", "istan", "İstan"],
])("in %s finds %s", (text, wanted, match) => {
  expect(findIn(text, folded(wanted))?.match).toBe(match);
});

it("shows some words around the hit, with ellipses", () => {
  const text = `${"before ".repeat(20)}NEEDLE${" after".repeat(40)}`;
  const found = findIn(text, "needle");
  expect(found?.before).toMatch(/^….*before $/);
  expect(found?.match).toBe("NEEDLE");
  expect(found?.after).toMatch(/^ after.*…$/);
  expect(findIn("short needle", "needle")).toEqual({ before: "short ", match: "needle", after: "" });
});
