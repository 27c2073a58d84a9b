// Owns what the benchmark says to its child processes, and they to it.

/** So many connections that all send this request. */
export interface Crowd {
  readonly count: number;
  /** A whole HTTP request, as text. */
  readonly request: string;
}

/** Opens all connections; answered by `open` when each has its headers, and by `over` when all are closed. */
export interface ReadersCommand {
  readonly port: number;
  readonly crowds: readonly Crowd[];
}

export type ReadersReport = { readonly type: "open" } | ({ readonly type: "over" } & Tally);

export interface Tally {
  /** Token events. */
  readonly tokens: number;
  readonly bytes: number;
  /** Streams that ended with [DONE]. */
  readonly done: number;
}

/** One stream of the daemon, cut where its frames are. */
export interface Recording {
  readonly before: string;
  readonly tokens: readonly string[];
  readonly after: string;
}

export interface BareSetup {
  readonly recording: Recording;
  /** Streams that run at the same time; the others wait for their turn. */
  readonly slots: number;
  readonly stepDelayMs: number;
}
