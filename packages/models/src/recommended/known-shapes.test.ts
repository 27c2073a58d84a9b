// Compares the model shapes behind docs/models.md with published files.
import { hyperparametersOf } from "../header/index.ts";
import { expect, it } from "vitest";
import { headerOfShape } from "./shape-header.ts";
import { knownShapes } from "./known-shapes.ts";

/** Allowed relative difference in file size, since quantizer versions and publishers differ. */
const tolerance = 0.02;
const published = knownShapes.filter(({ publishedBytes }) => publishedBytes !== undefined);

it.each(published)("$name has a file of the size that is published", (shape) => {
  const { fileBytes } = headerOfShape(shape);
  const due = shape.publishedBytes ?? 0;
  expect(Math.abs(fileBytes - due) / due).toBeLessThan(tolerance);
});

it("gives every shape the header fields that the estimate needs", () => {
  for (const shape of knownShapes) {
    const numbers = hyperparametersOf(headerOfShape(shape));
    expect(numbers).toMatchObject({
      layers: shape.layers,
      vocabularySize: shape.vocabulary,
      keyLength: shape.headLength,
    });
    expect(numbers.kvHeadCounts).toEqual(Array.from({ length: shape.layers }, () => shape.kvHeads));
  }
});
