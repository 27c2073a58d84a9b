// Owns which worker a job goes to before all others: the one that had its session's last job, or a job of the same client with the same long
// beginning. It is asked first; whoever says nothing, or no, leaves the job to whichever worker is free.
import { createHash } from "node:crypto";
import type { GatewaySide } from "@waggle/fleet";
import type { Job, JobSpec } from "@waggle/jobs";

/** How long a worker may take to say that it has room (issue: placement). */
const offerTimeoutMs = 50;
/** Beginnings that are shorter are computed anew as fast as they are looked for. */
const beginningChars = 2_000;
/** Sessions and beginnings that are remembered; the oldest are forgotten first. */
const mostRemembered = 10_000;

export interface Placement {
  /**
   * The worker that keeps a slot for the job; undefined: any.
   * @param workers that serve the model now
   */
  choose(job: Job, fleetId: string, workers: readonly string[]): Promise<string | undefined>;
  /** A worker has taken the job. */
  ran(job: Job, worker: string): void;
}

export function createPlacement(side: Pick<GatewaySide, "ask" | "isAlive">): Placement {
  const workersOf = new Map<string, string>();
  /** A job that has ended has lost its content. */
  const keysOf = new WeakMap<Job, readonly string[]>();

  function keysOfJob(job: Job): readonly string[] {
    const keys = keysOf.get(job) ?? affinityKeys(job.spec);
    keysOf.set(job, keys);
    return keys;
  }

  return {
    async choose(job, fleetId, workers) {
      const keys = keysOfJob(job);
      // Where there is one only, it need not be asked.
      if (workers.length < 2) return undefined;
      const known = keys.map((key) => workersOf.get(key));
      const worker = known.find((one) => one !== undefined && workers.includes(one) && side.isAlive("worker", one));
      if (worker === undefined) return undefined;
      const question = { kind: "offer", model: job.spec.model, jobId: fleetId } as const;
      const answer = await side.ask<"offer">(question, { timeoutMs: offerTimeoutMs, worker }).catch(() => undefined);
      return answer?.taken === true ? worker : undefined;
    },
    ran(job, worker) {
      for (const key of keysOfJob(job)) {
        workersOf.delete(key);
        workersOf.set(key, worker);
      }
      for (const oldest of workersOf.keys()) {
        if (workersOf.size <= mostRemembered) break;
        workersOf.delete(oldest);
      }
    },
  };
}

/** The best one first. Never the same for two clients. */
export function affinityKeys(spec: JobSpec): readonly string[] {
  const { model, scope } = spec;
  const { client, sessionId } = scope;
  const beginning = spec.kind === "generate" ? beginningOf(spec.prompt) : "";
  return [
    ...(sessionId === undefined ? [] : [`session\n${client}\n${model}\n${sessionId}`]),
    ...(beginning.length < beginningChars ? [] : [`text\n${client}\n${model}\n${sha256(beginning)}`]),
  ];
}

type Prompt = Extract<JobSpec, { kind: "generate" }>["prompt"];

/** As far as it counts. Templates write tools before what is said. */
function beginningOf(prompt: Prompt): string {
  if (prompt.kind === "text") return prompt.text.slice(0, beginningChars);
  if (prompt.kind !== "messages") return "";
  let text = prompt.tools === undefined ? "" : JSON.stringify(prompt.tools).slice(0, beginningChars);
  for (const { role, content } of prompt.messages) {
    if (text.length >= beginningChars) break;
    const said = typeof content === "string" ? content : content.map((part) => part.text).join("");
    text += `${role}\n${said.slice(0, beginningChars)}\n`;
  }
  return text.slice(0, beginningChars);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
