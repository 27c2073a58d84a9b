// Shows that the visitor's presets are stored.
import { expect, it } from "vitest";
import { createMemory } from "../../wire/browser-storage.ts";
import { createPresetStore } from "./preset-store.ts";
import { noSettings } from "./settings.ts";

it("stores the visitor's presets under their names, without the model", () => {
  const place = createMemory();
  const store = createPresetStore(place);
  expect(store.save("Bee", { system: "You are a bee.", sampling: { seed: 3 }, model: "large" })).toBe(true);
  expect(store.save("Ant", noSettings)).toBe(true);
  const again = createPresetStore(place);
  expect(again.presets.value.map(({ name }) => name)).toEqual(["Ant", "Bee"]);
  expect(again.presets.value[1]?.settings).toEqual({ system: "You are a bee.", sampling: { seed: 3 } });
  again.remove("Ant");
  expect(createPresetStore(place).presets.value.map(({ name }) => name)).toEqual(["Bee"]);
});

it("replaces a preset of the same name, and reports a full storage", () => {
  const store = createPresetStore(createMemory());
  store.save("Bee", noSettings);
  store.save("Bee", { ...noSettings, system: "Hum." });
  expect(store.presets.value).toEqual([{ name: "Bee", settings: { system: "Hum.", sampling: {} } }]);
  const full = createPresetStore({
    getItem: () => null,
    setItem() {
      throw new Error("full");
    },
  });
  expect(full.save("Bee", noSettings)).toBe(false);
  expect(full.presets.value).toEqual([]);
});

it("ignores a stored value that is not a list of presets", () => {
  for (const text of ["", "{}", '[1, null, {"name": 2}]', "no json"]) {
    expect(createPresetStore({ getItem: () => text, setItem() {} }).presets.value).toEqual([]);
  }
});
