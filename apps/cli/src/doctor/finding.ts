// Owns what a check comes to: how things stand, in words, and what to do about it.

export type Level = "ok" | "warning" | "problem";

export interface Finding {
  /** What was looked at. */
  readonly check: string;
  readonly level: Level;
  readonly text: string;
  /** A sentence; only where something can be done. */
  readonly remedy?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, level: "ok", text };
}

/** It works, and could be better. */
export function warning(check: string, text: string, remedy?: string): Finding {
  return { check, level: "warning", text, ...(remedy === undefined ? {} : { remedy }) };
}

/** It does not work. */
export function problem(check: string, text: string, remedy: string): Finding {
  return { check, level: "problem", text, remedy };
}
