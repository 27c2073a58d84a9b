// Owns what a run of worker:chaos comes to: rows, tables, groups. It is what `--json` prints.

/** One thing that held or did not. */
export interface Row {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen or, when it is not ok, everything that did not hold. */
  readonly details: string;
  /** Measured; each name ends in its unit where it has one. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly duration_ms: number;
}

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export interface GroupResult {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly rows: readonly Row[];
  readonly tables: readonly Table[];
  readonly duration_ms: number;
}

export interface ChaosResult {
  readonly ok: boolean;
  /** Gives the same chances again. */
  readonly seed: number;
  readonly long: boolean;
  /** One line for each row that is not ok, and for what is left behind. */
  readonly failures: readonly string[];
  readonly groups: readonly GroupResult[];
  readonly processes_left: number;
  readonly ports_free: boolean;
  readonly duration_ms: number;
}
