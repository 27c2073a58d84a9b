// Shows the progress of a download: as a bar on a terminal, otherwise as log lines.
import { formatBytes } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";

const barWidth = 30;
/** Progress between two log lines, as a share of the download. */
const logStep = 0.1;

export interface DownloadProgressOptions {
  readonly model: string;
  readonly log: Logger;
  /** Undefined: progress goes to the log. */
  readonly terminal: { write(text: string): unknown } | undefined;
}

/** Returns a function that shows the progress: 0 to 1, and 0 as long as the size is unknown. */
export function createDownloadProgress({
  model,
  log,
  terminal,
}: DownloadProgressOptions): (progress: number, doneBytes?: number) => void {
  let logged = -Infinity;
  return (progress, doneBytes = 0) => {
    const percent = Math.floor(progress * 100);
    if (terminal !== undefined && progress === 0 && doneBytes > 0) {
      terminal.write(`\r  ${formatBytes(doneBytes)}  ${model}`);
    } else if (terminal !== undefined) {
      const filled = Math.round(progress * barWidth);
      const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
      terminal.write(`\r  ${bar} ${String(percent).padStart(3)} %  ${model}${progress >= 1 ? "\n" : ""}`);
    } else if (progress >= logged + logStep || progress >= 1) {
      logged = progress;
      log.info({ model, percent }, "model_download");
    }
  };
}
