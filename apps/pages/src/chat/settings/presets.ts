// Owns presets: built-in presets, which change only sampling, and the visitor's presets, which are whole settings.
import { draftOf } from "./draft.ts";
import type { Draft } from "./draft.ts";
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

export const builtInPresets: readonly Preset[] = [
  {
    name: "Worker's defaults",
    hint: "The worker's own sampling settings.",
    settings: { system: "", sampling: {} },
    only: chosenBy,
  },
  {
    name: "Precise",
    hint: "Facts, code, extraction: the likeliest words.",
    settings: { system: "", sampling: { temperature: 0.2, top_p: 0.9, top_k: 20, min_p: 0.1 } },
    only: chosenBy,
  },
  {
    name: "Balanced",
    hint: "Everyday questions and texts.",
    settings: { system: "", sampling: { temperature: 0.7, top_p: 0.95, top_k: 40, min_p: 0.05 } },
    only: chosenBy,
  },
  {
    name: "Creative",
    hint: "Stories and ideas: less likely words too.",
    settings: { system: "", sampling: { temperature: 1.1, top_p: 0.98, top_k: 100, min_p: 0.03 } },
    only: chosenBy,
  },
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
