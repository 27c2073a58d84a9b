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

export interface ProgressView<T = Progress> {
  show(progress: T): void;
  clear(): void;
}

/** A moment of work in several stages. */
export interface StageProgress {
  readonly stage: string;
  /** Of the stage, from 0 to 1. */
  readonly share?: number | undefined;
  readonly words: string;
}

export function createStageView(output: Output): ProgressView<StageProgress> {
  const line = createStatusLine(output);
  if (output.isTerminal) return { show: (progress) => line.show(withBar(progress)), clear: line.clear };
  let last = "";
  return {
    show({ stage, share = 0, words }) {
      const part = `${stage} ${Math.floor(share * linesOfAll)}`;
      if (part !== last) output.write(`${words}\n`);
      last = part;
    },
    clear: () => {},
  };
}

export function createProgressView(output: Output): ProgressView {
  const { show, clear } = createStageView(output);
  return {
    show(progress) {
      // A load takes seconds, so a log file needs no line for it.
      if (output.isTerminal || progress.stage !== "loading") show(stageOf(progress));
    },
    clear,
  };
}

/** Formats a line such as `████░░░░  45 %  1.2 GB of 2.6 GB  24.0 MB/s  58 s left  part 1 of 2`. */
export function formatProgress(progress: Progress): string {
  return withBar(stageOf(progress));
}

function stageOf(progress: Progress): StageProgress {
  return { stage: progress.stage, share: shareOf(progress), words: formatWords(progress) };
}

function withBar({ share, words }: StageProgress): string {
  return share === undefined ? words : `${bar(share)}  ${words}`;
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
