// Owns how the progress of a download is shown: a bar on a terminal, a log line now and then elsewhere.
import { formatBytes } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";

const barWidth = 30;
/** Without a terminal, a line each time so much more has come. */
const logStep = 0.1;

export interface DownloadProgress {
  /** @param progress 0 to 1, and 0 as long as the size is unknown */
  show(progress: number, doneBytes?: number): void;
}

export interface DownloadProgressOptions {
  readonly model: string;
  readonly log: Logger;
  /** Where to draw; undefined when it is no terminal. */
  readonly terminal: { write(text: string): unknown } | undefined;
}

export function createDownloadProgress({ model, log, terminal }: DownloadProgressOptions): DownloadProgress {
  let logged = -Infinity;
  return {
    show(progress, doneBytes = 0) {
      if (terminal !== undefined && progress === 0 && doneBytes > 0) {
        terminal.write(`\r  ${formatBytes(doneBytes)}  ${model}`);
      } else if (terminal !== undefined) {
        const filled = Math.round(progress * barWidth);
        const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
        terminal.write(
          `\r  ${bar} ${String(Math.floor(progress * 100)).padStart(3)} %  ${model}${progress >= 1 ? "\n" : ""}`,
        );
      } else if (progress >= logged + logStep || progress >= 1) {
        logged = progress;
        log.info({ model, percent: Math.floor(progress * 100) }, "model_download");
      }
    },
  };
}
