// Owns the kill of one engine in the middle of a soak.
import { sleep } from "@waggle/async";
import { killProcess, stopwatch, type LogLine, type Worker } from "@waggle/testing/harness";
import { enginesOf, isDeath } from "./audit.ts";

const killWaitMs = 60_000;
const lookEveryMs = 1;
const deathLimitMs = 5_000;

/**
 * Waits for an engine that answers a request, and kills it; without such an engine for a minute, kills no engine. Never rejects.
 * @param running how many streams of each model have begun and are not over
 * @param onKill called with the model's name right before
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
      // One that was about to leave anyhow is no loss.
      const died = await worker.log.line("its death", isDeath, { from, limitMs: deathLimitMs }).catch(() => undefined);
      if (died !== undefined) return;
    }
    await sleep(lookEveryMs, { signal: interrupted }).catch(() => {});
  }
}
