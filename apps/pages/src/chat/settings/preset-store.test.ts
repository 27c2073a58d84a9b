// Shows that the visitor's presets are stored.
import { expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import { readPresets, storePreset } from "./preset-store.ts";
import { noSettings } from "./settings.ts";

it("stores the visitor's presets under their names, without the model", () => {
  const place = createMemory();
  const names = (): readonly string[] => readPresets(place).map(({ name }) => name);
  expect(storePreset("Bee", { system: "You are a bee.", sampling: { seed: 3 }, model: "large" }, place)).toBe(true);
  expect(storePreset("Ant", noSettings, place)).toBe(true);
  expect(names()).toEqual(["Ant", "Bee"]);
  expect(readPresets(place)[1]?.settings).toEqual({ system: "You are a bee.", sampling: { seed: 3 } });
  storePreset("Ant", undefined, place);
  expect(names()).toEqual(["Bee"]);
});

it("replaces a preset of the same name, and reports a full storage", () => {
  const place = createMemory();
  storePreset("Bee", noSettings, place);
  storePreset("Bee", { ...noSettings, system: "Hum." }, place);
  expect(readPresets(place)).toEqual([{ name: "Bee", settings: { system: "Hum.", sampling: {} } }]);
  const full = {
    getItem: () => null,
    setItem() {
      throw new Error("full");
    },
  };
  expect(storePreset("Bee", noSettings, full)).toBe(false);
});

it("ignores a stored value that is not a list of presets", () => {
  for (const text of ["", "{}", '[1, null, {"name": 2}]', "no json"]) {
    expect(readPresets({ getItem: () => text, setItem() {} })).toEqual([]);
  }
});
