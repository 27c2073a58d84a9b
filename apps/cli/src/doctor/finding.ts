// Defines the result of a check: its state in words, and what to do about it.

export type Level = "ok" | "warning" | "problem";

export interface Finding {
  /** The subject of the check. */
  readonly check: string;
  readonly level: Level;
  readonly text: string;
  /** A sentence with what to do; absent when nothing can be done. */
  readonly remedy?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, level: "ok", text };
}

export function warning(check: string, text: string, remedy?: string): Finding {
  return { check, level: "warning", text, ...(remedy === undefined ? {} : { remedy }) };
}

/** Unlike a warning, makes `waggle doctor` fail. */
export function problem(check: string, text: string, remedy: string): Finding {
  return { check, level: "problem", text, remedy };
}
