// Shows when a model is known to see no pictures, and what the page says about it.
import { expect, it } from "vitest";
import { blindReason, blindWords, sightOf } from "./sight.ts";

const vision = { projector: "eye", bytes: 1, max_pixels: 7 };

it("knows that a model sees, that it does not, or neither before the model's file is read", () => {
  expect(sightOf({ name: "bee", kind: "generate", vision })).toEqual({ model: "bee", sees: true, maxPixels: 7 });
  expect(sightOf({ name: "bee", kind: "generate" })).toMatchObject({ model: "bee", sees: false });
  expect(sightOf({ name: "bee" }).sees).toBeUndefined();
  expect(sightOf(undefined).sees).toBeUndefined();
});

it("gives a reason only for a model that is known to see none", () => {
  expect(blindReason(sightOf({ name: "bee", kind: "generate" }))).toBe("the model bee cannot see pictures.");
  expect(blindReason(sightOf({ name: "bee" }))).toBeUndefined();
  expect(blindReason(sightOf({ name: "bee", vision }))).toBeUndefined();
});

it("says what such a model gets", () => {
  expect(blindWords("bee", 1)).toMatch(/^bee cannot see pictures\. It gets the name of the picture/);
  expect(blindWords("bee", 3)).toContain("the 3 pictures");
});
