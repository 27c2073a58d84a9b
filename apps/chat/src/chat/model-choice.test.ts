// Shows which model answers: the wanted one while it is there, and another one that can when it is not.
import type { ModelStatus } from "@waggle/protocol";
import { expect, it } from "vitest";
import { modelStatus } from "../models/testing/model-status.ts";
import { chooseModel, findModel } from "./model-choice.ts";

const small = modelStatus("small", { aliases: ["s", "large"] });
const large = modelStatus("large", { kind: "generate" });
const vectors = modelStatus("vectors", { kind: "embed", state: "ready" });
const all = [small, large, vectors];
const chosen = (models: readonly ModelStatus[], wanted?: string): string | undefined =>
  chooseModel(models, wanted)?.name;

it("finds a model by its name before it looks at the other ones' aliases", () => {
  expect(findModel(all, "s")).toBe(small);
  expect(findModel(all, "large")).toBe(large);
  expect(findModel(all, "none")).toBeUndefined();
  expect(findModel(all, undefined)).toBeUndefined();
});

it("takes the wanted one, also one that is not loaded", () => {
  expect(chosen(all, "large")).toBe("large");
  expect(chosen(all, "s")).toBe("small");
});

it("takes the default, then one that is loaded, then the first, where the wanted one is not there or cannot chat", () => {
  const loaded: ModelStatus = { ...large, state: "ready" };
  expect(chosen([small, { ...large, default: true }, vectors], "gone")).toBe("large");
  expect(chosen([small, loaded, vectors], "vectors")).toBe("large");
  expect(chosen(all)).toBe("small");
  expect(chosen([vectors])).toBeUndefined();
});
