// Owns presets: the built-in ones, which change how words are chosen, and those that the visitor saved under a name, which are whole settings.
import { draftOf } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { NumberName, Settings } from "./settings.ts";

export interface Preset {
  readonly name: string;
  /** What it is for; the visitor's own have none. */
  readonly hint?: string;
  readonly settings: Omit<Settings, "model">;
  /** The built-in ones leave the system prompt and everything else but these alone. */
  readonly only?: readonly NumberName[];
}

/** What the built-in presets set, or set back. */
const chosenBy = ["temperature", "top_p", "top_k", "min_p"] as const;

export const builtInPresets: readonly Preset[] = [
  {
    name: "Worker's defaults",
    hint: "As the worker chooses words by itself.",
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

/** What is typed with the preset put over it. */
export function withPreset(draft: Draft, { settings, only }: Preset): Draft {
  const preset = draftOf(settings);
  if (only === undefined) return preset;
  return { ...draft, ...Object.fromEntries(only.map((name) => [name, preset[name]])) };
}

/** Whether putting it over what is typed would change nothing. */
export function isIn(draft: Draft, preset: Preset): boolean {
  const changed = withPreset(draft, preset);
  return (Object.keys(draft) as (keyof Draft)[]).every((name) => draft[name].trim() === changed[name].trim());
}
