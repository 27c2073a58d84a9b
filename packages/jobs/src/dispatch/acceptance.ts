// Accepts or refuses a request, after its preflight and the reservation of its id. A refusal changes no other job.
import { choicesOf } from "@waggle/engine";
import { WaggleError, refuseField } from "@waggle/protocol";
import type { JobDispatcher, Submission } from "./dispatcher-port.ts";
import type { Executor, Reservation } from "./executor-port.ts";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { drawnId, withDefaults, type JobDefaults, type NewJobOptions } from "../job/new-job.ts";
import type { LiveJobs } from "../kept/registry.ts";

export interface Acceptable extends Pick<NewJobOptions, "uid" | "size" | "enginesLost" | "listener" | "callKey"> {
  /** Whether the executor will not refuse the job's work any more. */
  readonly isChecked: boolean;
}

export interface AcceptanceOptions {
  readonly executor: Executor;
  readonly registry: Pick<LiveJobs, "has" | "sessions">;
  readonly defaults: JobDefaults;
  readonly nextUid: () => string;
  /** Returns the error for every request while the dispatcher accepts no jobs; undefined otherwise. */
  readonly refusal: () => WaggleError | undefined;
  /** Returns the error if the queue has no room for this job; undefined otherwise. */
  readonly full: (spec: JobSpec) => WaggleError | undefined;
  /** Whether the work of new jobs may be checked: not while the engine runs a suspect, which another job's death must not end. */
  readonly mayCheck: () => boolean;
  /** Creates the job. @throws WaggleError if the job is refused after all */
  readonly begin: (spec: JobSpec, made: Acceptable) => Job;
}

export function createAcceptance(options: AcceptanceOptions): JobDispatcher["submit"] {
  const { executor, registry, defaults, begin, mayCheck } = options;

  function refuseEarly(spec: JobSpec & { readonly id: string }, hasLeft: Submission["hasLeft"]): void {
    if (hasLeft?.() === true) throw new WaggleError("cancelled", "The client left before its job was accepted.");
    const { id, who, work } = spec;
    const refusal = options.refusal();
    if (refusal !== undefined) throw refusal;
    if (registry.has(who.client, id)) {
      throw new WaggleError("conflict", `Cannot accept job ${id}: that job_id is taken.`);
    }
    const choices = choicesOf(work);
    if (choices > executor.slots) {
      throw refuseField("n", `it must be at most the number of slots, ${executor.slots}, not ${choices}`);
    }
    const full = options.full(spec);
    if (full !== undefined) throw full;
  }

  return async (asked, { listener, hasLeft } = {}) => {
    const uid = options.nextUid();
    const who = { ...asked.who, ticket: asked.who.ticket ?? registry.sessions.drawTicket() };
    const spec = { ...withDefaults(asked, defaults), who, id: asked.id ?? drawnId() };
    refuseEarly(spec, hasLeft);
    let reservation: Reservation | undefined;
    try {
      const answer = executor.ready && mayCheck() ? await executor.preflight(uid, spec) : "unchecked";
      refuseEarly(spec, hasLeft);
      if (executor.reserve !== undefined) {
        reservation = await executor.reserve(spec);
        refuseEarly(spec, hasLeft);
      }
      const size = typeof answer === "string" ? undefined : answer;
      const isOpen = (answer === "late" || answer === "lost") && executor.ready && mayCheck();
      const enginesLost = answer === "lost" ? 1 : 0;
      return begin(spec, { uid, size, enginesLost, isChecked: !isOpen, listener, callKey: reservation?.callKey });
    } catch (error) {
      reservation?.release();
      executor.cancel(uid);
      throw error;
    }
  };
}
