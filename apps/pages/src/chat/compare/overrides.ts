// Owns the settings that one answer has in place of the conversation's settings. Pure.
import type { Settings } from "../settings/settings.ts";

export interface Overrides {
  readonly model?: string;
  readonly temperature?: number;
  readonly thinking?: boolean;
}

/** The settings of an answer's request. */
export function withOverrides(settings: Settings, { model, temperature, thinking }: Overrides = {}): Settings {
  return {
    ...settings,
    ...(model === undefined ? {} : { model }),
    ...(temperature === undefined ? {} : { sampling: { ...settings.sampling, temperature } }),
    ...(thinking === undefined ? {} : { reasoning: { ...settings.reasoning, enabled: thinking } }),
  };
}

/** For example "temperature 0.2, thinking off"; empty without overrides. The model is not included, because the answer names it. */
export function overrideWords({ temperature, thinking }: Overrides = {}): string {
  return [
    temperature === undefined ? undefined : `temperature ${temperature}`,
    thinking === undefined ? undefined : `thinking ${thinking ? "on" : "off"}`,
  ]
    .filter((words) => words !== undefined)
    .join(", ");
}
