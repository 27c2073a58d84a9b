// Owns what happens to the worker in a simulation: its engine dies and loads again, and the worker drains or aborts.
import { picturesOf } from "@waggle/engine";
import { hasOutput, isWaiting, waitsForConsent } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { isLane, WaggleError } from "@waggle/protocol";
import { jobLabel, jobStateLabel } from "./rules.ts";
import type { World } from "./world.ts";

export interface Operator {
  crash(): void;
  /** The encoding of a picture ends; it may fail. */
  encode(): void;
  load(): void;
  /** Refuses new jobs and ends jobs that have not begun: the first half of a drain. */
  refuse(): void;
  abort(): void;
  /** Whether the engine is loaded. */
  readonly loaded: boolean;
  /** False while the worker refuses new jobs and is not idle yet. */
  readonly drained: boolean;
}

export function createOperator(world: World, loadedAtStart: boolean): Operator {
  const { random, worker, wire, rules, note, count, fault } = world;
  const { dispatcher, host } = worker;
  let loaded = loadedAtStart;
  let drained = true;

  return {
    crash() {
      note("the engine dies");
      count("engine deaths");
      if (wire.encoding !== undefined) count("engine deaths while a picture is encoded");
      if (random.chance(0.5)) wire.deliver(wire.underWay);
      const before = rules.live.map((witness) => ({ witness, fate: fateOf(witness.job) }));
      for (const { witness, fate } of before) {
        if (fate === "fails") witness.reasons.add("engine_failed");
        else if (world.refusing && fate !== "continues") witness.reasons.add("unavailable");
        if (fate === "continues") count("streams that lost their engine");
        if (fate === "begins again" && witness.job.vectors.length > 0)
          count("decide jobs that lost their engine midway");
        const { step } = witness.job.state;
        if (step.index > 0 && !hasOutput(witness.job)) count("engine deaths before the first token of a later step");
        else if (witness.job.spec.calls !== undefined) count(`engine deaths, ${jobStateLabel(witness.job)}`);
      }
      const backend = worker.backend();
      loaded = false;
      worker.kill();
      wire.cut();
      void backend.dispose();
      for (const { witness, fate } of before) {
        const ends = fate === "ends" || fate === "fails" || (world.refusing && fate !== "continues");
        if (ends && witness.outcome === undefined) fault(`${jobLabel(witness)} outlives its engine`);
        // Work that the dead engine has not checked supersedes the session's older jobs, because no engine checks it before its start.
        const lives = witness.outcome === undefined || witness.outcome === "cancelled superseded";
        if (!ends && !lives) fault(`${jobLabel(witness)} does not outlive its engine`);
      }
      if (dispatcher.sequences > 0) fault(`${dispatcher.sequences} sequences run without an engine`);
    },
    encode() {
      const { encoding } = wire;
      if (encoding === undefined) return;
      const fails = random.chance(0.1);
      note(fails ? "a picture cannot be encoded" : "a picture is encoded");
      count(fails ? "encodings that failed" : "encodings");
      if (!fails) return wire.endEncoding();
      for (const { job, reasons } of rules.live) {
        const { work } = job.spec;
        const shows = picturesOf(work)?.some(({ sha256 }) => sha256 === encoding) === true;
        if (shows) reasons.add("invalid_argument");
      }
      wire.endEncoding(new WaggleError("invalid_argument", "Cannot read picture 1: its pixels are damaged."));
    },
    load() {
      note("the engine is ready");
      loaded = true;
      worker.load();
    },
    refuse() {
      note("refuse new jobs");
      world.refusing = true;
      const waiting = rules.live.filter(
        ({ job }) => (isWaiting(job) && job.log.nextToken === 0) || waitsForConsent(job) || isLane(job.spec.when),
      );
      for (const { job, reasons } of rules.live) {
        // Its next call may wait for a consent, which may come too late.
        if (job.spec.calls !== undefined) reasons.add("unavailable");
        if (job.state.phase.name === "calling") count("drains while a job calls");
      }
      for (const { reasons } of waiting) reasons.add("unavailable");
      host.refuse();
      for (const witness of waiting) {
        if (witness.outcome === undefined) fault(`${jobLabel(witness)} waits though the worker leaves`);
      }
      drained = false;
      void dispatcher.idle().then(() => {
        drained = true;
        if (rules.live.length > 0) fault(`the worker is idle with ${rules.live.length} live jobs`);
      });
    },
    abort() {
      note("abort");
      world.refusing = true;
      for (const { reasons } of rules.live) reasons.add("unavailable");
      host.abort();
      for (const witness of rules.live) fault(`${jobLabel(witness)} outlives the abort`);
    },
    get loaded() {
      return loaded;
    },
    get drained() {
      return drained;
    },
  };
}

type Fate = "waits" | "begins again" | "continues" | "ends" | "fails";

/** What must happen to a job whose engine dies. */
function fateOf(job: Job): Fate {
  const { phase, hasNewOutput, enginesLost } = job.state;
  const hasTokens = job.log.nextToken > 0;
  if (isWaiting(job)) return hasTokens ? "continues" : "waits";
  if (phase.name === "calling") return "continues";
  if (phase.name !== "running") return "ends";
  const isPoison = !hasNewOutput && enginesLost === 1;
  const refuses = job.spec.work.kind === "generate" && job.spec.when.onEngineLoss === "error";
  if (isPoison || (hasOutput(job) && refuses)) return "fails";
  return hasTokens ? "continues" : "begins again";
}
