// Owns presets: built-in presets, which change only sampling, and the visitor's presets, which are whole settings.
import { draftOf, type Draft } from "./draft.ts";
import type { NumberName } from "./fields.ts";
import type { Settings } from "./settings.ts";

export interface Preset {
  readonly name: string;
  /** The preset's purpose; presets of the visitor have no hint. */
  readonly hint?: string;
  readonly settings: Omit<Settings, "model">;
  /** Built-in presets change only these fields. */
  readonly only?: readonly NumberName[];
}

/** Fields that built-in presets set or reset. */
const chosenBy = ["temperature", "top_p", "top_k", "min_p"] as const;

/** @param values of `chosenBy`, in its order */
function builtIn(name: string, hint: string, values: readonly number[]): Preset {
  const sampling = Object.fromEntries(values.map((value, i) => [chosenBy[i], value]));
  return { name, hint, settings: { system: "", sampling }, only: chosenBy };
}

export const builtInPresets: readonly Preset[] = [
  builtIn("Worker's defaults", "The worker's own sampling settings.", []),
  builtIn("Precise", "Facts, code, extraction: the likeliest words.", [0.2, 0.9, 20, 0.1]),
  builtIn("Balanced", "Everyday questions and texts.", [0.7, 0.95, 40, 0.05]),
  builtIn("Creative", "Stories and ideas: less likely words too.", [1.1, 0.98, 100, 0.03]),
];

export function withPreset(draft: Draft, { settings, only }: Preset): Draft {
  const preset = draftOf(settings);
  if (only === undefined) return preset;
  return { ...draft, ...Object.fromEntries(only.map((name) => [name, preset[name]])) };
}

/** Whether applying the preset would change nothing. */
export function isIn(draft: Draft, preset: Preset): boolean {
  const changed = withPreset(draft, preset);
  return (Object.keys(draft) as (keyof Draft)[]).every((name) => draft[name].trim() === changed[name].trim());
}
