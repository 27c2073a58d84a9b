// Tests how the embedded model gets into the list of a worker's models.
import { expect, test } from "vitest";
import { embeddedModelPath } from "../../process/embedded-model.ts";
import { readSettings } from "../../process.ts";
import { findModels } from "./find-models.ts";

async function found(...argv: readonly string[]): Promise<readonly unknown[]> {
  const settings = await readSettings(argv, {});
  if (settings.kind !== "run") throw new Error(settings.problems?.join(" "));
  const models = await findModels(settings.config);
  return models.map(({ name, reference, source }) => [name, reference, source]);
}

const embedded = [embeddedModelPath(), "embedded"];

test.each([
  [[], "waggle-tiny-stories"],
  [["waggle-tiny-stories"], "waggle-tiny-stories"],
  [["--model-ref", "tale"], "tale"],
  [["tale=waggle-tiny-stories"], "tale"],
])("waggle serve %j serves the embedded model as %s", async (argv, name) => {
  expect(await found(...argv)).toEqual([[name, ...embedded]]);
});

test("the embedded model can be served next to others", async () => {
  expect(await found("bee=hf:a/bee:Q8_0", "waggle-tiny-stories")).toEqual([
    ["bee", "hf:a/bee:Q8_0", "file"],
    ["waggle-tiny-stories", ...embedded],
  ]);
});
