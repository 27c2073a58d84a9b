// Owns how a person sees a model come down: a bar where somebody watches, a log line now and then where nobody does.
import type { Logger } from "@waggle/telemetry";

const barWidth = 30;
/** Without a terminal, a line each time so much more has come. */
const logStep = 0.1;

export interface DownloadProgress {
  /** @param progress 0 to 1, and 0 as long as nobody knows how much there is */
  show(progress: number, doneBytes?: number): void;
}

export interface DownloadProgressOptions {
  readonly model: string;
  readonly log: Logger;
  /** Where to draw; undefined when it is no terminal. */
  readonly terminal: { write(text: string): unknown } | undefined;
}

export function createDownloadProgress({ model, log, terminal }: DownloadProgressOptions): DownloadProgress {
  let told = -Infinity;
  return {
    show(progress, doneBytes = 0) {
      if (terminal !== undefined && progress === 0 && doneBytes > 0) {
        terminal.write(`\r  ${(doneBytes / 1e6).toFixed(0)} MB  ${model}`);
      } else if (terminal !== undefined) {
        const filled = Math.round(progress * barWidth);
        const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
        terminal.write(
          `\r  ${bar} ${String(Math.floor(progress * 100)).padStart(3)} %  ${model}${progress >= 1 ? "\n" : ""}`,
        );
      } else if (progress >= told + logStep || progress >= 1) {
        told = progress;
        log.info({ model, percent: Math.floor(progress * 100) }, "model_download");
      }
    },
  };
}
