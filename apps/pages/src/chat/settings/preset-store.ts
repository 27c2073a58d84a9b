// Owns the visitor's presets: a short list in this browser.
import { storeItem, lastingStorage, readItem } from "../../wire/browser-storage.ts";
import { noSettings, type Settings } from "./settings.ts";

export interface Preset {
  readonly name: string;
  readonly settings: Omit<Settings, "model">;
}

type Place = Pick<Storage, "getItem" | "setItem">;

const storageKey = "waggle.presets";
const presetsLimit = 50;
export const presetNameChars = 60;

export function readPresets(place: Place = lastingStorage): readonly Preset[] {
  const list = readItem(place, storageKey);
  if (!Array.isArray(list)) return [];
  // Stored settings may lack fields.
  return list.filter(isPreset).map(({ name, settings }) => ({ name, settings: { ...noSettings, ...settings } }));
}

function isPreset(value: unknown): value is Preset {
  const { name, settings } = (value ?? {}) as Partial<Preset>;
  return typeof name === "string" && typeof settings === "object" && settings !== null;
}

/** @param settings replace those of the same name; undefined to remove the preset @returns false if this browser has no room */
export function storePreset(name: string, settings: Settings | undefined, place: Place = lastingStorage): boolean {
  // Another tab may have saved a preset meanwhile.
  const others = readPresets(place).filter((preset) => preset.name !== name);
  const { model: _, ...kept } = settings ?? noSettings;
  const presets = settings === undefined ? others : [...others, { name, settings: kept }];
  const sorted = presets.toSorted((a, b) => a.name.localeCompare(b.name, "en"));
  return presets.length <= presetsLimit && storeItem(place, storageKey, JSON.stringify(sorted));
}
