// Sends a job to the worker that probably has its prefix cached: the worker of its session's last job, or of the same client's last job with the same
// first picture or the same long beginning. The gateway asks that worker for a slot; without a promise in time, any free worker may take the job.
import { createHash } from "node:crypto";
import type { GatewaySide } from "@waggle/fleet";
import { picturesOf, type PromptInput, type Work } from "@waggle/engine";
import type { Job, JobSpec } from "@waggle/jobs";

/** How long a worker may take to promise a slot. */
const offerTimeoutMs = 50;
/** Minimum length of a beginning, in characters. Computing a shorter beginning takes no longer than asking a worker for a slot. */
const beginningChars = 2_000;
/** Limit of remembered sessions and beginnings; the oldest are dropped first. */
const mostRemembered = 10_000;

export interface Affinity {
  /**
   * Returns the worker that keeps a slot for the job; undefined if any worker may take it.
   * @param workers ids of the workers that serve the model now
   */
  choose(job: Job, fleetId: string, workers: readonly string[]): Promise<string | undefined>;
  /** Called when a worker has taken the job. */
  ran(job: Job, worker: string): void;
}

export function createAffinity(side: Pick<GatewaySide, "ask" | "isAlive">): Affinity {
  const workersOf = new Map<string, string>();
  /** The keys of each job, kept because the content of an ended job is dropped. */
  const keysOf = new WeakMap<Job, readonly string[]>();

  function keysOfJob(job: Job): readonly string[] {
    const keys = keysOf.get(job) ?? affinityKeys(job.spec);
    keysOf.set(job, keys);
    return keys;
  }

  return {
    async choose(job, fleetId, workers) {
      const keys = keysOfJob(job);
      // With one worker there is no choice.
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

/** The job's keys, best first. Two clients never share a key. */
export function affinityKeys(spec: JobSpec): readonly string[] {
  const { model, who, work } = spec;
  const { client, sessionId } = who;
  const beginning = beginningOf(work);
  // A conversation keeps its first picture. Another worker would have to encode its pictures again, however short its texts are.
  const [picture] = picturesOf(work) ?? [];
  return [
    ...(sessionId === undefined ? [] : [`session\n${client}\n${model}\n${sessionId}`]),
    ...(picture === undefined ? [] : [`picture\n${client}\n${model}\n${picture.sha256}`]),
    ...(beginning.length < beginningChars ? [] : [`text\n${client}\n${model}\n${sha256(beginning)}`]),
  ];
}

/** The first characters of the prompt, or of the state of a decide job. */
function beginningOf(work: Work): string {
  if (work.kind === "generate") return beginningOfPrompt(work.prompt);
  return work.kind === "decide" ? beginningOfPrompt({ kind: "messages", ...work.state }) : "";
}

/** Templates write tools before the messages. */
function beginningOfPrompt(prompt: PromptInput): string {
  if (prompt.kind === "text") return prompt.text.slice(0, beginningChars);
  if (prompt.kind !== "messages") return "";
  let text = prompt.tools === undefined ? "" : JSON.stringify(prompt.tools).slice(0, beginningChars);
  for (const { role, content } of prompt.messages) {
    if (text.length >= beginningChars) break;
    const texts =
      typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("");
    text += `${role}\n${texts.slice(0, beginningChars)}\n`;
  }
  return text.slice(0, beginningChars);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
