// Accepts or refuses a request, after the engine's preflight and the reservation of the job's id. A refusal, which is possible after each wait,
// changes no other job.
import { choicesOf } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { EngineLink, JobDispatcher, Reservation, Submission } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { drawnId, withDefaults, type JobDefaults, type NewJobOptions } from "../job/new-job.ts";
import { engineJobOf, type Preparations } from "./preparations.ts";
import type { LiveJobs } from "../kept/registry.ts";

export type Acceptable = Pick<NewJobOptions, "uid" | "size" | "enginesLost" | "listener" | "callKey">;

export interface AcceptanceOptions {
  readonly engine: EngineLink;
  readonly preparations: Pick<Preparations, "ask" | "drop">;
  readonly registry: Pick<LiveJobs, "has" | "sessions">;
  readonly defaults: JobDefaults;
  readonly nextUid: () => string;
  /** Returns the error for every request while the dispatcher accepts no jobs; undefined otherwise. */
  readonly refusal: () => WaggleError | undefined;
  /** Returns the error if the queue has no room for this job; undefined otherwise. */
  readonly full: (spec: JobSpec) => WaggleError | undefined;
  /** Whether the engine may prepare the work of new jobs: not while it runs a suspect, which another job's death must not end. */
  readonly mayPrepare: () => boolean;
  /** Creates the job. @throws WaggleError if the job is refused after all */
  readonly begin: (spec: JobSpec, made: Acceptable) => Job;
}

export function createAcceptance(options: AcceptanceOptions): JobDispatcher["submit"] {
  const { engine, preparations, registry, defaults, begin } = options;

  function refuseEarly(spec: JobSpec & { readonly id: string }, hasLeft: Submission["hasLeft"]): void {
    if (hasLeft?.() === true) throw new WaggleError("cancelled", "The client left before its job was accepted.");
    const { id, who, work } = spec;
    const refusal = options.refusal();
    if (refusal !== undefined) throw refusal;
    if (registry.has(who.client, id)) {
      throw new WaggleError("conflict", `Cannot accept job ${id}: that job_id is taken.`);
    }
    const choices = choicesOf(work);
    if (choices > engine.slots) {
      throw new WaggleError(
        "invalid_argument",
        `Cannot accept field "n": it must be at most the number of slots, ${engine.slots}, not ${choices}.`,
      );
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
      const asks = engine.ready && options.mayPrepare();
      const answer = asks ? await preparations.ask(engineJobOf(uid, spec)) : undefined;
      const [size, enginesLost] = answer === "lost" ? [undefined, 1] : [answer, 0];
      refuseEarly(spec, hasLeft);
      if (engine.reserve !== undefined) {
        reservation = await engine.reserve(spec);
        refuseEarly(spec, hasLeft);
      }
      return begin(spec, { uid, size, enginesLost, listener, callKey: reservation?.callKey });
    } catch (error) {
      reservation?.release();
      preparations.drop(uid);
      throw error;
    }
  };
}
