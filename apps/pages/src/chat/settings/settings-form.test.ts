// Shows that typed texts stay when another tab saves the settings, and that saving changes only typed fields.
import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import { createSettingsForm } from "./settings-form.ts";
import { noSettings, type Settings } from "./settings.ts";

it("keeps typed fields, and takes all other fields from another tab's save", () => {
  const settings = signal<Settings>({ system: "", sampling: { seed: 1, top_k: 2 } });
  const form = createSettingsForm(settings);
  form.set("system", "Be brief.");
  form.set("top_k", "");
  settings.value = { system: "", sampling: { temperature: 0.3, top_k: 2 }, model: "bee" };
  expect(form.draft.value).toMatchObject({ system: "Be brief.", temperature: "0.3", seed: "", top_k: "" });
  expect(form.read()).toEqual({ system: "Be brief.", sampling: { temperature: 0.3 }, model: "bee" });
});

it("treats a field with its saved text as untouched", () => {
  const settings = signal<Settings>({ system: "one", sampling: {} });
  const form = createSettingsForm(settings);
  form.set("system", "on");
  form.set("system", "one");
  settings.value = { system: "two", sampling: {} };
  expect(form.draft.value.system).toBe("two");
});

it("resets all fields, and keeps them reset when another tab saves", () => {
  const settings = signal<Settings>({ system: "one", sampling: { seed: 1 } });
  const form = createSettingsForm(settings);
  form.resetAll();
  settings.value = { system: "two", sampling: { seed: 2 } };
  expect(form.read()).toEqual(noSettings);
});
