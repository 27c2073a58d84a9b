// Owns what chaos does to the embedded model: cancels in its prefill, a kill under its streams, a resume. What has no need of a real
// forward pass is done to the fake backend.
import type { Bystander } from "./bystander.ts";
import { runCell } from "./cancel-cell.ts";
import { phases, type Phase } from "./cancel-phases.ts";
import { routes, type Route } from "./cancel-routes.ts";
import type { ChaosWorker } from "./chaos-worker.ts";
import { checkDeath, slotsUnderLoad } from "./engine-death.ts";
import { sendSignal } from "./engine-faults.ts";
import { checkWatched } from "./resume.ts";
import type { Stage } from "./stage.ts";
import { isToken } from "./stream-events.ts";
import { waitFor } from "./waits.ts";
import { freshId, inference, ways } from "./ways.ts";

/** Some 460 of the embedded model's 512 tokens: at 16 a step the prefill takes 29 steps. */
const longPrompt = "Once upon a time there was a dog named Tim who liked to play in the park with his friend. ".repeat(
  21,
);
/** The prefill is over in a blink on a fast machine: the cancel may come too late. */
const attempts = 10;
const deadlinesMs = [10, 20, 40, 80, 160, 320, 640];
const roundsLong = 20;
const cutAt = 20;

const prefill: Phase = {
  ...phases.prefill,
  request: () => ({ prompt: `${freshId("No")}. ${longPrompt}` }),
};

export async function runRealModel(stage: Stage): Promise<void> {
  const flags = ["--slots", String(slotsUnderLoad), "--prefill-budget", "16", "--crash-loop-deaths", "100"];
  await using worker = await stage.startWorker([...flags, "--reconnect-grace", "0s"], { realModel: true });
  const lines: string[][] = [];
  for (const route of routes) lines.push([route.name, await runRoute(stage, worker, route)]);
  stage.table({ title: "Cancel in the embedded model's prefill, 16 tokens a step", header: ["route", "steps"], lines });
  await stage.check(`cut after token ${cutAt}, a second reader watches`, (facts) => {
    const body = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 300, job_id: freshId("resume") };
    return checkWatched(worker, body, cutAt, facts);
  });
  await stage.check(`kill -9 of the engine under ${slotsUnderLoad} streams`, (facts) => {
    return checkDeath(worker, { reason: "signal", die: sendSignal("SIGKILL"), noticeMs: 0 }, facts);
  });
}

/** In each way; resolves with what stands in the table. */
async function runRoute(stage: Stage, worker: ChaosWorker, route: Route): Promise<string> {
  const bystander = (): Promise<Undisturbed> => decodeBeside(worker);
  let worst = 0;
  let allHeld = true;
  for (const way of ways) {
    for (let round = 0; round < (stage.long ? roundsLong : 1); round += 1) {
      const held = await stage.check(`prefill by ${route.name} (${way.name})`, async (facts) => {
        worst = Math.max(
          worst,
          await runCell({ worker, phase: prefill, route, way, attempts, deadlinesMs, bystander }, facts),
        );
      });
      allHeld &&= held;
    }
  }
  return allHeld ? String(worst) : "✗";
}

type Undisturbed = Pick<Bystander, "checkUndisturbed">;

/** As long as the context allows; asked for anew each time, since that is not long. */
async function decodeBeside(worker: ChaosWorker): Promise<Undisturbed> {
  const stream = await inference.open(worker, {
    prompt: "Once upon a time",
    ignore_eos: true,
    job_id: freshId("beside"),
  });
  await stream.event("the bystander's first token", isToken);
  return {
    async checkUndisturbed(facts) {
      const over = await waitFor("the end of the bystander's stream", stream.over);
      facts.equal("what is wrong with the bystander's stream", stream.problems, []);
      facts.equal(
        "how it ended",
        [over.how, over.terminal?.type === "end" && over.terminal.finish_reason],
        ["complete", "length"],
      );
    },
  };
}
