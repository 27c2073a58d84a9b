// Owns what a daemon says to a person, from its start to its end: where it is, how far it is, and how it leaves. What there is to say of
// itself, the daemon knows.
import type { Clock, TimerHandle } from "@waggle/async";
import { formatDuration } from "./format.ts";
import type { Output } from "./output.ts";
import { createStatusLine } from "./status-line.ts";

export interface DaemonScreenOptions {
  readonly out: Output;
  readonly clock: Clock;
}

export interface Banner {
  /** Program and version. */
  readonly title: string;
  /** What it is, and its value: the address to open, the mode. The first one stands out. */
  readonly rows: readonly (readonly [name: string, value: string])[];
  /** Further ones, apart from the first: lines to paste. */
  readonly more?: readonly (readonly [name: string, value: string])[];
}

export interface Leaving {
  /** Answers that are not finished yet. */
  readonly running: number;
  /** How long they may take. */
  readonly limitMs: number;
  /** It was asked by Ctrl-C, and may be so again. */
  readonly interrupted: boolean;
}

export interface DaemonScreen {
  /** It listens. */
  opened(banner: Banner): void;
  /** It is busy with this; the seconds are counted from the first word of it on. */
  progress(what: string, share?: number): void;
  ready(text: string): void;
  /** Something to know. */
  note(text: string): void;
  /** A log line comes on the same terminal: the line that comes and goes makes room. */
  makeRoom(): void;
  /** It was asked to leave. */
  leaving(facts: Leaving): void;
  /** It was asked again. */
  cutting(running: number): void;
  /** It is over, in good order or not; nothing runs on. */
  stopped(): void;
}

const tickMs = 1_000;

export function createDaemonScreen({ out, clock }: DaemonScreenOptions): DaemonScreen {
  const { style } = out;
  const status = createStatusLine(out);
  let doing: { readonly what: string; readonly since: number; share: number | undefined } | undefined;
  let timer: TimerHandle | undefined;
  let left = false;

  function show(): void {
    timer?.cancel();
    timer = undefined;
    if (doing === undefined) return status.clear();
    const ms = clock.now() - doing.since;
    const share = doing.share === undefined ? "" : `  ${Math.floor(doing.share * 100)} %`;
    status.show(`${doing.what} …${share}${ms < tickMs ? "" : `  ${formatDuration(ms)}`}`);
    timer = clock.setTimeout(show, tickMs);
  }

  function end(): void {
    doing = undefined;
    show();
  }

  function say(text: string): void {
    status.clear();
    out.write(`${text}\n`);
    if (doing !== undefined) show();
  }

  return {
    opened({ title, rows, more = [] }) {
      const width = Math.max(...[...rows, ...more].map(([name]) => name.length));
      const line = ([name, value]: readonly [string, string], paint = (text: string) => text): string =>
        `  ${style.dim(name.padEnd(width))}  ${paint(value)}`;
      const first = rows.map((row, index) => line(row, index === 0 ? style.cyan : undefined));
      const rest = more.length === 0 ? [] : ["", ...more.map((row) => line(row))];
      say(["", style.bold(title), "", ...first, ...rest, "", style.dim("Ctrl-C stops it."), ""].join("\n"));
    },
    progress(what, share) {
      if (left) return;
      if (doing?.what === what) doing.share = share;
      else doing = { what, since: clock.now(), share };
      show();
    },
    ready(text) {
      end();
      say(`${style.green("●")} ${text}`);
    },
    note: (text) => say(`${style.yellow("!")} ${text}`),
    makeRoom: () => status.clear(),
    leaving({ running, limitMs, interrupted }) {
      left = true;
      end();
      // The terminal echoes the key at the line's beginning.
      const answers = `${running} running ${running === 1 ? "answer" : "answers"}`;
      const words =
        running === 0 || limitMs === 0
          ? "Stopping."
          : `Finishing ${answers} (${formatDuration(limitMs)} at most).${interrupted ? " Ctrl-C again stops now." : ""}`;
      out.write(`${out.isTerminal ? "\r\u001b[2K" : ""}${words}\n`);
    },
    cutting(running) {
      const answers = `${running} ${running === 1 ? "answer ends" : "answers end"} unfinished`;
      out.write(`${out.isTerminal ? "\r\u001b[2K" : ""}Stopping now${running === 0 ? "" : `: ${answers}`}.\n`);
    },
    stopped() {
      left = true;
      end();
    },
  };
}
