// Owns the way of a request until it is a job: the engine is asked about it, and its name is reserved. After each wait it may be refused, and
// then nothing has changed.
import { WaggleError } from "@waggle/protocol";
import type { EngineLink } from "./dispatcher-options.ts";
import { engineJobOf } from "./engine-job.ts";
import type { Job } from "./job.ts";
import type { JobFollower } from "./job-follower.ts";
import type { JobSpec } from "./job-spec.ts";
import { choicesOf, drawnId, withDefaults, type JobDefaults, type NewJobOptions } from "./new-job.ts";
import type { Preflight } from "./preflight.ts";
import type { JobRegistry } from "./registry.ts";

export type Acceptable = Pick<NewJobOptions, "uid" | "size" | "follower" | "callKey">;

export interface AcceptanceOptions {
  readonly engine: EngineLink;
  readonly preflight: Pick<Preflight, "ask">;
  readonly registry: Pick<JobRegistry, "has">;
  readonly defaults: JobDefaults;
  readonly nextUid: () => string;
  /** Why nothing is accepted now. */
  readonly refusal: () => WaggleError | undefined;
  /** Why there is no room for this job. */
  readonly full: (spec: JobSpec) => WaggleError | undefined;
  /** Returns at once. @throws WaggleError for a job that is refused after all */
  readonly begin: (spec: JobSpec, made: Acceptable) => Job;
}

export function createAcceptance(
  options: AcceptanceOptions,
): (wanted: JobSpec, follower?: JobFollower) => Promise<Job> {
  const { engine, preflight, registry, defaults, begin } = options;

  function refuseEarly(spec: JobSpec & { readonly id: string }): void {
    const { id, scope } = spec;
    const refusal = options.refusal();
    if (refusal !== undefined) throw refusal;
    if (registry.has(scope.client, id)) {
      throw new WaggleError("conflict", `Cannot accept job ${id}: that job_id is taken.`);
    }
    const choices = choicesOf(spec);
    if (choices > engine.slots) {
      throw new WaggleError(
        "invalid_argument",
        `Cannot accept field "n": ${choices} choices need more than the ${engine.slots} slots.`,
      );
    }
    const full = options.full(spec);
    if (full !== undefined) throw full;
  }

  return async (wanted, follower) => {
    const uid = options.nextUid();
    const spec = { ...withDefaults(wanted, defaults), id: wanted.id ?? drawnId() };
    refuseEarly(spec);
    const size = engine.ready ? await preflight.ask(engineJobOf(uid, spec)) : undefined;
    refuseEarly(spec);
    if (engine.reserve === undefined) return begin(spec, { uid, size, follower });
    const { callKey, release } = await engine.reserve(spec);
    try {
      refuseEarly(spec);
      return begin(spec, { uid, size, follower, callKey });
    } catch (error) {
      release();
      throw error;
    }
  };
}
