// Owns the output of a daemon on a terminal, from its start to its end: its address, its progress, and how it stops.
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
  /** Facts with their names, such as the address to open and the mode. The first one is highlighted. */
  readonly rows: readonly (readonly [name: string, value: string])[];
  /** Lines to paste, printed after an empty line. */
  readonly more?: readonly (readonly [name: string, value: string])[];
}

export interface Leaving {
  /** Number of unfinished answers. */
  readonly running: number;
  /** Time limit for the unfinished answers. */
  readonly limitMs: number;
  /** Whether Ctrl-C was the reason to stop, so that the user may press Ctrl-C again. */
  readonly interrupted: boolean;
}

export interface DaemonScreen {
  /** The daemon listens: prints the banner. */
  opened(banner: Banner): void;
  /**
   * Shows a task in progress, with the seconds since the first call for this task.
   * @param share of the task that is done, 0 to 1
   * @param more words in place of the seconds, such as bytes and speed of a download
   */
  progress(what: string, share?: number, more?: string): void;
  ready(text: string): void;
  /** Prints a permanent line, unlike the status line. */
  note(text: string): void;
  /** Clears the status line, because a log line follows on the same terminal. */
  makeRoom(): void;
  /** The daemon begins to stop. */
  leaving(facts: Leaving): void;
  /** The daemon ends unfinished answers. @param running their number */
  cutting(running: number): void;
  /** The daemon has stopped: clears the status line and its timer. */
  stopped(): void;
}

const tickMs = 1_000;

export function createDaemonScreen({ out, clock }: DaemonScreenOptions): DaemonScreen {
  const { style } = out;
  const status = createStatusLine(out);
  let doing: { readonly what: string; readonly since: number; share: number | undefined; more: string } | undefined;
  let timer: TimerHandle | undefined;
  let left = false;

  function show(): void {
    timer?.cancel();
    timer = undefined;
    if (doing === undefined) return status.clear();
    const ms = clock.now() - doing.since;
    const share = doing.share === undefined ? "" : `  ${Math.floor(doing.share * 100)} %`;
    const more = doing.more !== "" ? doing.more : ms < tickMs ? "" : formatDuration(ms);
    status.show(`${doing.what} …${share}${more === "" ? "" : `  ${more}`}`);
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
    progress(what, share, more = "") {
      if (left) return;
      if (doing?.what === what) Object.assign(doing, { share, more });
      else doing = { what, since: clock.now(), share, more };
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
      // The terminal prints ^C at the beginning of the line.
      const answers = `${running} running ${running === 1 ? "answer" : "answers"}`;
      const words =
        running === 0 || limitMs === 0
          ? "Stopping."
          : `Finishing ${answers} (${formatDuration(limitMs)} at most).${interrupted ? " Ctrl-C again stops now." : ""}`;
      if (out.isTerminal) out.control("\r\u001b[2K");
      out.write(`${words}\n`);
    },
    cutting(running) {
      const answers = `${running} ${running === 1 ? "answer ends" : "answers end"} unfinished`;
      if (out.isTerminal) out.control("\r\u001b[2K");
      out.write(`Stopping now${running === 0 ? "" : `: ${answers}`}.\n`);
    },
    stopped() {
      left = true;
      end();
    },
  };
}
