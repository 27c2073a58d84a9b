// Shows a run of worker:test on a terminal.
import { styleText } from "node:util";
import type { Spread } from "@waggle/testing/harness";
import type { WorkerTestResult } from "./worker-test-result.ts";

export interface Report {
  /** On a terminal, shows the current action and its duration in seconds, until another line is printed. */
  doing(what: string): void;
  /** Removes the line about the current action. */
  rest(): void;
  /** Prints a step that has succeeded. */
  step(name: string, detail: string): void;
  prompt(text: string): void;
  /** Prints a piece of the answer as it arrives. */
  token(text: string): void;
  answerEnded(): void;
  failure(message: string): void;
  /** Prints lines of a daemon's log under a title. */
  log(title: string, lines: readonly string[]): void;
  table(result: WorkerTestResult): void;
}

const nameWidth = 24;
const detailWidth = 56;
const margin = "    ";
const nextSteps: readonly string[] = [
  '\n  Next: npx waggle run "Tell me a story about a bee."',
  "        npx waggle serve    a chat page and an API at http://127.0.0.1:7711/",
  "        README.md           how to install it, and how to get a larger model",
];

export function createReport(out: Terminal): Report {
  const paint = painter(out);
  const startedAt = performance.now();
  let lastAt = startedAt;
  let inAnswer = false;
  let atStart = false;

  let shown: NodeJS.Timeout | undefined;

  function rest(): void {
    if (shown === undefined) return;
    clearInterval(shown);
    shown = undefined;
    out.write("\r\u001B[2K");
  }

  function line(text: string): void {
    rest();
    if (inAnswer) out.write("\n");
    inAnswer = false;
    out.write(`${text}\n`);
  }

  return {
    doing(what) {
      if (!out.isTTY || inAnswer) return;
      rest();
      const since = performance.now();
      const show = (): void => {
        const seconds = Math.floor((performance.now() - since) / 1_000);
        out.write(`\r\u001B[2K  ${paint("gray", `… ${what}${seconds > 0 ? `  ${seconds} s` : ""}`)}`);
      };
      show();
      shown = setInterval(show, 1_000).unref();
    },
    rest,
    step(name, detail) {
      const tookMs = performance.now() - lastAt;
      lastAt = performance.now();
      const took = `${tookMs.toFixed(0)} ms`.padStart(9);
      line(`  ${paint("green", "✓")} ${name.padEnd(nameWidth)}${detail.padEnd(detailWidth)}${paint("gray", took)}`);
    },
    prompt(text) {
      line(`\n  ${paint("cyan", "▸")} ${paint("bold", text)}`);
      out.write(margin);
      inAnswer = true;
      atStart = true;
    },
    token(text) {
      const shown = printable(atStart ? text.trimStart() : text);
      out.write(shown.replaceAll("\n", `\n${margin}`));
      atStart = false;
    },
    answerEnded() {
      line("");
      lastAt = performance.now();
    },
    failure: (message) => line(`  ${paint("red", "✗")} ${message}`),
    log(title, lines) {
      line(paint("gray", `    ${title}`));
      for (const text of lines) line(paint("gray", `    | ${text}`));
    },
    table(result) {
      line("");
      for (const [name, value] of rows(result)) line(`  ${name.padEnd(nameWidth + 2)}${value}`);
      const verdict = result.ok ? paint("green", "PASSED") : paint("red", "FAILED");
      line(`\n  ${verdict} in ${(result.duration_ms / 1_000).toFixed(1)} s`);
      if (result.ok) for (const next of nextSteps) line(next);
    },
  };
}

type Style = Parameters<typeof styleText>[0];

/** The output: this process's stdout, or with `--json` no output. */
export type Terminal = Pick<NodeJS.WriteStream, "isTTY" | "hasColors"> & { write(text: string): unknown };

export const nowhere: Terminal = { isTTY: false, hasColors: () => false, write: () => {} };

/** Returns a function that colours text if the terminal supports it, and leaves it plain for a file or a pipe. */
export function painter(out: Terminal): (style: Style, text: string) => string {
  const coloured = out.isTTY && out.hasColors();
  return (style, text) => (coloured ? styleText(style, text) : text);
}

/** Removes control characters, so that a model's text cannot control the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "\u{FFFD}");
}

function rows(result: WorkerTestResult): [string, string][] {
  return [
    ["tokens", `${result.tokens}${result.done ? "" : " (the stream did not complete)"}`],
    ["first token", result.ttft_ms === null ? "never" : `${result.ttft_ms.toFixed(1)} ms`],
    ["between tokens", spread(result.itl_ms)],
    ["tokens a second", result.tokens_per_second.toFixed(1)],
    ["arrival against t_ms", spread(result.arrival_lag_ms)],
    ["heartbeats", `${result.heartbeats}${result.registered ? "" : " (never registered)"}`],
    ["left behind", `${result.processes_left} processes, ports ${result.ports_free ? "free" : "still bound"}`],
  ];
}

function spread({ p50, p95, max }: Spread): string {
  return `p50 ${p50.toFixed(1)} ms   p95 ${p95.toFixed(1)} ms   max ${max.toFixed(1)} ms`;
}
