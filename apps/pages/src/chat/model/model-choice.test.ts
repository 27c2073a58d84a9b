// Shows which model answers: the wanted model, or another chat model if the worker does not have it.
import type { ModelStatus } from "@waggle/protocol";
import { expect, it } from "vitest";
import { modelStatus } from "../../models/testing/model-status.ts";
import { chooseModel, findModel } from "./model-choice.ts";

const small = modelStatus("small", { aliases: ["s", "large"] });
const large = modelStatus("large", { kind: "generate" });
const vectors = modelStatus("vectors", { kind: "embed", state: "ready" });
const all = [small, large, vectors];
const chosen = (models: readonly ModelStatus[], wanted?: string): string | undefined =>
  chooseModel(models, wanted)?.name;

it("prefers a model's name to other models' aliases", () => {
  expect(findModel(all, "s")).toBe(small);
  expect(findModel(all, "large")).toBe(large);
  expect(findModel(all, "none")).toBeUndefined();
  expect(findModel(all, undefined)).toBeUndefined();
});

it("takes the wanted model, even if it is not loaded", () => {
  expect(chosen(all, "large")).toBe("large");
  expect(chosen(all, "s")).toBe("small");
});

it("without the wanted model takes the default model, then a loaded model, then the first model", () => {
  const loaded: ModelStatus = { ...large, state: "ready" };
  expect(chosen([small, { ...large, default: true }, vectors], "gone")).toBe("large");
  expect(chosen([small, loaded, vectors], "vectors")).toBe("large");
  expect(chosen(all)).toBe("small");
  expect(chosen([vectors])).toBeUndefined();
});
