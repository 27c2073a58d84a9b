// Kills one engine in the middle of a soak.
import { sleep } from "@waggle/async";
import { killProcess, stopwatch, type LogLine, type Worker } from "@waggle/testing/harness";
import { enginesOf, isDeath } from "./audit.ts";

const killWaitMs = 240_000;
const lookEveryMs = 1;
const deathLimitMs = 60_000;

/**
 * Waits up to four minutes for an engine that is answering a request, and kills it. Never rejects.
 * @param running number of streams of each model that have begun and not ended
 * @param onKill called with the model's name right before the kill
 */
export async function killOne(
  worker: Worker,
  running: ReadonlyMap<string, number>,
  interrupted: AbortSignal,
  onKill: (model: string) => void,
): Promise<void> {
  const stays = (model: string): boolean => {
    const isState = ({ msg, model: of }: LogLine): boolean => msg === "model_state" && of === model;
    return worker.log.lines.findLast(isState)?.["to"] === "ready";
  };
  const elapsed = stopwatch();
  while (!interrupted.aborted && elapsed() < killWaitMs) {
    const [name] = [...running].find(([model, streams]) => streams > 0 && stays(model)) ?? [];
    const pid = name === undefined ? undefined : enginesOf(worker.log.lines).get(name);
    if (name !== undefined && pid !== undefined) {
      const from = worker.log.lines.length;
      onKill(name);
      killProcess(pid);
      const isUnload = ({ msg, model, to }: LogLine): boolean =>
        msg === "model_state" && model === name && to === "unloading";
      const isSeen = (line: LogLine): boolean => isDeath(line) || isUnload(line);
      const seen = await worker.log.line("its death", isSeen, { from, limitMs: deathLimitMs }).catch(() => undefined);
      // If the engine was about to exit anyway, no death is logged; then another engine is killed.
      if (seen !== undefined && isDeath(seen)) return;
    }
    await sleep(lookEveryMs, { signal: interrupted }).catch(() => {});
  }
}
