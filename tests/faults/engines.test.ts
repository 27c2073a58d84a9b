// Tests a worker whose engines die, hang and fail, on the fake backend and on the embedded model.
import { describe } from "vitest";
import { engineFaults } from "./cells/engine-faults.ts";
import { engineLoss } from "./cells/engine-loss.ts";
import { realModel } from "./cells/real-model.ts";
import { createStage } from "./support/stage.ts";

describe("engines that die, hang and fail", () => {
  engineFaults(createStage());
});

describe("streams that outlive their engines", () => {
  engineLoss(createStage());
});

describe("the embedded model", () => {
  realModel(createStage());
});
