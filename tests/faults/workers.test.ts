// Tests workers that shut down while they have streams, and workers whose hive fails.
import { describe } from "vitest";
import { hiveOutages } from "./cells/hive-outages.ts";
import { leaving } from "./cells/leaving.ts";
import { createStage } from "./support/stage.ts";

describe("workers that shut down", () => {
  leaving(createStage());
});

describe("hives that fail", () => {
  hiveOutages(createStage());
});
