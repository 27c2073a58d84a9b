// Checks a running worker: which models failed, and what it has measured: what attention costs, and what the operator's bound of the token gap costs prompts.
import type { AttentionCosts, ModelStatus, WorkerInfo } from "@waggle/protocol";
import type { Context } from "../command.ts";
import { findWorker } from "../worker/reach.ts";
import { ok, problem, warning, type Finding } from "./finding.ts";

/** A smaller slowdown of prompts is not a reason to change a setting. */
const noticeableSlowdown = 1.5;

type Measured = Pick<WorkerInfo, "settings" | "max_token_gap_ms" | "prompt_pieces" | "attention_costs"> & {
  readonly models?: readonly Pick<ModelStatus, "name" | "state" | "reason">[];
};

/**
 * Undefined if no worker runs at the usual address, or if it does not answer: the check of its port says who does.
 * @throws CliError, WaggleError when the worker of a given address does not answer
 */
export async function probeRunning(context: Context): Promise<Measured | undefined> {
  const found = await findWorker(context, undefined).catch((error: unknown) => {
    if (context.config.urlGiven) throw error;
    return undefined;
  });
  const listed = await found?.client.models.list({ signal: context.signal }).catch(() => undefined);
  return found && { ...found.info, models: listed?.models ?? [] };
}

export function checkRunning(measured: Measured | undefined): readonly Finding[] {
  const { settings, max_token_gap_ms: gapMs, prompt_pieces: pieces, attention_costs: costs, models } = measured ?? {};
  const findings: Finding[] = (models ?? [])
    .filter(({ state }) => state === "failed")
    .map(({ name, reason = "no reason is known" }) =>
      problem("Running worker", `${name} failed: ${reason.replace(/\.$/, "")}`, `Repair it, then: waggle load ${name}`),
    );
  if (costs !== undefined && settings !== undefined) {
    findings.push(ok("Attention", attentionWords(costs, settings.flash_attention)));
  }
  const dear = pieces?.findLast(({ slowdown }) => slowdown > noticeableSlowdown);
  if (gapMs != null && dear !== undefined) {
    const text = `with ${gapMs} ms, prompts are read ${dear.slowdown.toFixed(1)} times more slowly after ${dear.context.toLocaleString("en")} tokens`;
    findings.push(warning("Max token gap", text, "Start the worker without --max-token-gap (WAGGLE_MAX_TOKEN_GAP)."));
  }
  return findings;
}

/** @param hasFlash whether the model is loaded with flash attention */
function attentionWords({ cells, flash, plain }: AttentionCosts, hasFlash: boolean): string {
  const [chosen, other] = hasFlash ? [flash, plain] : [plain, flash];
  const times = (cost: keyof typeof flash): string => (other[cost] / chosen[cost]).toFixed(1);
  const [name, otherwise] = hasFlash ? ["with", "without"] : ["without", "with"];
  return `${name} flash attention; ${otherwise} it, attention takes ${times("row_ms")} times as long for a stream's token after ${cells.toLocaleString("en")} tokens here, and ${times("tile_ms")} times for a prompt's`;
}
