// Recognizes retries: a request that is sent again joins the job of its first try, instead of superseding that job.
import { createHoldings } from "@waggle/async";
import type { Job, JobRegistry } from "@waggle/jobs";
import { WaggleError, refuseField } from "@waggle/protocol";

export interface RetryMark {
  /** The same in each try of a request. */
  readonly key: string;
  /** Whether this may be a retry, so that `join` searches for an earlier try. */
  readonly again: boolean;
  /** Whether the client chose the key. A different request with the same key is then a conflict. */
  readonly named: boolean;
}

export interface RequestFacts {
  readonly client: string;
  /** Method and path, and the index of the job in its request. */
  readonly route: string;
  /** Digest of the body's text. */
  readonly digest: string;
  header(name: string): string | undefined;
}

export interface FoundJob {
  readonly job: Job;
  /** Whether the job belongs to an earlier try. */
  readonly joined: boolean;
}

export interface Retries {
  /**
   * The job of an earlier try of this request, else the job from `submit`, which later tries join.
   * @throws WaggleError conflict when the key was used with another request; the errors of `submit`
   */
  join(mark: RetryMark, facts: RequestFacts, submit: () => Promise<FoundJob>): Promise<FoundJob>;
}

/** Maximum number of stored requests. At the limit, the oldest request of the client with the most requests is dropped. */
const mostRemembered = 16_384;
const longestKey = 255;

/**
 * Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), or the retry count that the SDKs of OpenAI and Anthropic send. Undefined
 * if the request has neither header: then two equal requests may mean two jobs.
 * @throws WaggleError invalid_argument for an invalid key
 */
export function retryMarkOf({ route, digest, header }: RequestFacts): RetryMark | undefined {
  const key = header("idempotency-key");
  if (key !== undefined) {
    if (key.length > longestKey || !/^[\x20-\x7e]+$/.test(key)) {
      throw refuseField("Idempotency-Key", `it must be one to ${longestKey} visible ASCII characters`);
    }
    return { key: `${route} key ${key}`, again: true, named: true };
  }
  const tries = header("x-stainless-retry-count");
  if (tries === undefined || !/^\d{1,9}$/.test(tries)) return undefined;
  return { key: `${route} body ${digest}`, again: Number(tries) > 0, named: false };
}

interface Remembered {
  readonly digest: string;
  /** The job's id; a promise of the job until the job is accepted. */
  job: string | Promise<FoundJob>;
}

export function createRetries(registry: Pick<JobRegistry, "get">): Retries {
  /** By client and key. Ids only, since the registry decides how long an ended job is kept. */
  const remembered = new Map<string, Remembered>();
  const held = createHoldings<string>();

  function remember(client: string, name: string, entry: Remembered): void {
    forget(name);
    remembered.set(name, entry);
    held.set(client, name, 1);
    for (const oldest of held.takeBeyond(mostRemembered)) remembered.delete(oldest);
  }

  function forget(name: string): void {
    remembered.delete(name);
    held.remove(name);
  }

  /** The job of the earlier try; undefined if that job cannot return the whole answer. */
  async function earlierTry({ job }: Remembered, client: string): Promise<Job | undefined> {
    // If the earlier try was rejected, this try is submitted: the reason may no longer apply.
    const found = typeof job === "string" ? registry.get(client, job) : (await job.catch(() => undefined))?.job;
    return found !== undefined && givesAnswer(found) ? found : undefined;
  }

  return {
    async join({ key, again }, { client, digest }, submit) {
      const name = JSON.stringify([client, key]);
      let known = again ? remembered.get(name) : undefined;
      while (known !== undefined) {
        if (known.digest !== digest) {
          throw new WaggleError(
            "conflict",
            "Cannot accept the request: its Idempotency-Key was used with a different request.",
          );
        }
        const earlier = await earlierTry(known, client);
        if (earlier !== undefined) return { job: earlier, joined: true };
        // Meanwhile another retry may have replaced the failed try.
        const newest = remembered.get(name);
        known = newest === known ? undefined : newest;
      }
      const submitted = submit();
      const entry: Remembered = { digest, job: submitted };
      remember(client, name, entry);
      try {
        const found = await submitted;
        entry.job = found.job.id;
        return found;
      } catch (error) {
        if (remembered.get(name) === entry) forget(name);
        throw error;
      }
    },
  };
}

function givesAnswer({ spec: { work }, state: { phase }, log }: Job): boolean {
  if (log.firstToken > 0) return false;
  // The registry keeps no prompt logprobs of ended jobs.
  if (phase.name === "ended" && work.kind === "generate" && work.promptLogprobs === true) return false;
  return phase.name === "ended" ? phase.outcome.type === "finished" : phase.name !== "ending";
}
