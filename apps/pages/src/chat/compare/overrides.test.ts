// Tests the settings of one answer.
import { expect, it } from "vitest";
import type { Settings } from "../settings/settings.ts";
import { overrideWords, withOverrides } from "./overrides.ts";

const settings: Settings = {
  system: "Be brief.",
  sampling: { temperature: 0.8, top_k: 40 },
  reasoning: { effort: "low" },
  model: "bee-small",
};

it("replaces only the settings that the answer has", () => {
  expect(withOverrides(settings)).toEqual(settings);
  expect(withOverrides(settings, { model: "bee-large", temperature: 0, thinking: false })).toEqual({
    system: "Be brief.",
    sampling: { temperature: 0, top_k: 40 },
    reasoning: { effort: "low", enabled: false },
    model: "bee-large",
  });
});

it("describes them", () => {
  expect(overrideWords()).toBe("");
  expect(overrideWords({ model: "bee-large", temperature: 0, thinking: false })).toBe("temperature 0, thinking off");
});
