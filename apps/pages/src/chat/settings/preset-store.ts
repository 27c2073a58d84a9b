// Owns the visitor's presets: a short list in this browser.
import { signal, type ReadonlySignal } from "@preact/signals";
import { storeItem, lastingStorage, readItem } from "../../wire/browser-storage.ts";
import { noSettings, type Settings } from "./settings.ts";

export interface Preset {
  readonly name: string;
  readonly settings: Omit<Settings, "model">;
}

const storageKey = "waggle.presets";
const presetsLimit = 50;
export const presetNameChars = 60;

export interface PresetStore {
  readonly presets: ReadonlySignal<readonly Preset[]>;
  /** Replaces a preset of the same name. False if this browser has no room. */
  save(name: string, settings: Settings): boolean;
  remove(name: string): void;
}

export function createPresetStore(place: Pick<Storage, "getItem" | "setItem"> = lastingStorage): PresetStore {
  const presets = signal<readonly Preset[]>(read(place));

  function write(changed: readonly Preset[]): boolean {
    if (!storeItem(place, storageKey, JSON.stringify(changed))) return false;
    presets.value = changed;
    return true;
  }

  return {
    presets,
    save(name, { model: _, ...settings }) {
      // Another tab may have saved a preset meanwhile.
      const others = read(place).filter((preset) => preset.name !== name);
      if (others.length >= presetsLimit) return false;
      return write([...others, { name, settings }].toSorted((a, b) => a.name.localeCompare(b.name, "en")));
    },
    remove: (name) => void write(read(place).filter((preset) => preset.name !== name)),
  };
}

function read(place: Pick<Storage, "getItem">): readonly Preset[] {
  const list = readItem(place, storageKey);
  return Array.isArray(list) ? list.filter(isPreset).map(complete) : [];
}

function isPreset(value: unknown): value is Preset {
  const { name, settings } = (value ?? {}) as Partial<Preset>;
  return typeof name === "string" && typeof settings === "object" && settings !== null;
}

/** Stored settings may lack fields. */
function complete({ name, settings }: Preset): Preset {
  return { name, settings: { ...noSettings, ...settings } };
}
