// Shows the progress of a download or a load: as a bar on a terminal, otherwise as a line for each tenth.
import type { ModelEvent } from "@waggle/protocol";
import { type Output, createStatusLine, formatPercent, formatTransfer } from "@waggle/daemon/terminal";

export type Progress = Omit<Extract<ModelEvent, { type: "progress" }>, "type">;

const barColumns = 24;
/** Maximum number of lines of a stage when the output is not a terminal. */
const linesOfAll = 10;

const stageWords = {
  waiting: "waiting for running jobs or memory",
  asking: "looking up the model",
  downloading: "downloading",
  checking: "checking the hash",
  loading: "loading",
} as const satisfies Record<Progress["stage"], string>;

export interface ProgressView {
  show(progress: Progress): void;
  clear(): void;
}

export function createProgressView(output: Output): ProgressView {
  const line = createStatusLine(output);
  if (output.isTerminal) return { show: (progress) => line.show(formatProgress(progress)), clear: line.clear };
  let stage: string | undefined;
  let lastPart = -1;
  return {
    show(progress) {
      // A load takes seconds, so a log file needs no line for it.
      if (progress.stage === "loading") return;
      const part = Math.floor((shareOf(progress) ?? 0) * linesOfAll);
      if (progress.stage === stage && part === lastPart) return;
      lastPart = part;
      stage = progress.stage;
      output.write(`${formatWords(progress)}\n`);
    },
    clear: () => {},
  };
}

/** Formats a line such as `████░░░░  45 %  1.2 GB of 2.6 GB  24.0 MB/s  58 s left  part 1 of 2`. */
export function formatProgress(progress: Progress): string {
  const share = shareOf(progress);
  return share === undefined ? formatWords(progress) : `${bar(share)}  ${formatWords(progress)}`;
}

function formatWords(progress: Progress): string {
  const { stage, done_bytes: done, total_bytes: total, bytes_per_second: rate, eta_ms: eta, part, parts } = progress;
  const share = shareOf(progress);
  const words = [
    share === undefined ? undefined : formatPercent(share).padStart(5),
    stage === "downloading" && total !== undefined ? undefined : stageWords[stage],
    formatTransfer({ doneBytes: done, totalBytes: total, bytesPerSecond: rate, etaMs: eta }) || undefined,
    parts === undefined || parts < 2 ? undefined : `part ${part ?? 1} of ${parts}`,
  ];
  return words.filter((word) => word !== undefined).join("  ");
}

function shareOf({ progress, done_bytes: done, total_bytes: total }: Progress): number | undefined {
  const share = progress ?? (done !== undefined && total ? done / total : undefined);
  return share === undefined ? undefined : Math.min(1, Math.max(0, share));
}

/** @param share from 0 to 1 */
export function bar(share: number): string {
  const filled = Math.round(share * barColumns);
  return "█".repeat(filled) + "░".repeat(barColumns - filled);
}
