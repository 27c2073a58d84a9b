// Owns the usage and the quota of each client. Only this file admits a client's jobs, and counts jobs and tokens: for the quota, for the metrics and
// for `GET /v1/usage`.
import { deferred, inBackground, onAbort } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { totalCountsOf } from "@waggle/jobs";
import type { Job, JobObserver } from "@waggle/jobs";
import type { ClientUsage, UsageReport } from "@waggle/protocol";
import type { WorkerMetrics } from "@waggle/telemetry";
import { createClientCounts, noTokens } from "./client-usage.ts";
import type { ClientCounts, TokenCounts } from "./client-usage.ts";
import { createQuotaMeter } from "./quota-meter.ts";
import type { Admission, QuotaMeter } from "./quota-meter.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";
import { noRights } from "@waggle/daemon/tokens";
import type { TokenRights, TokenTable } from "@waggle/daemon/tokens";

export interface ClientAccounts {
  /** Counts the tokens and the ends of jobs. */
  readonly observe: JobObserver;
  /**
   * Counts the request and its job. The job counts as running until it ends.
   * @param how `first`: only the first job of a request counts as a request; `inPlace`: the job replaces a live job of its session
   * @throws WaggleError resource_exhausted if the client's quota is used up; then the request counts as refused
   */
  admit(client: string, how: { readonly first: boolean; readonly inPlace: boolean }): JobAdmission;
  /** Why no further line of the client's batches may begin now; undefined if one may. */
  lineRefusal(client: string): string | undefined;
  /** Counts a line of a batch as a job until the returned function is called. @param trace that of its jobs */
  beginLine(client: string, trace: string): () => void;
  /** Counts a request that creates a batch, and no job. @throws WaggleError resource_exhausted like `admit` */
  admitBatch(client: string): void;
  /**
   * Waits until the client's tokens of the last minute are within its quota: the next step of an admitted job waits, instead of being refused.
   * @throws WaggleError resource_exhausted if the quota of the day is used up; the signal's reason when it aborts
   */
  withinTokens(client: string, signal: AbortSignal): Promise<void>;
  /** Counts a job from a gateway as a request of the job's client. The gateway has already checked the quota. */
  given(client: string): void;
  /** Number of further jobs that the client's quota allows, at least 1. */
  room(client: string): number;
  /** The rate-limit headers that OpenAI's clients read; empty for a client without a quota. */
  headers(client: string): Readonly<Record<string, string>>;
  /** The usage of one client, or of all clients that have a token or any usage. */
  report(client?: string): UsageReport;
}

export interface JobAdmission {
  /** The job counts as running until its end. */
  accepted(job: Job): void;
  refused(): void;
}

export interface ClientAccountsOptions {
  readonly clock: Clock;
  readonly metrics: Pick<WorkerMetrics, "clientRequests" | "clientJobs" | "clientTokens">;
  readonly localMode: boolean;
  /** Read at each use, since the token table may be replaced. Usage is kept across replacements. */
  readonly tokens: () => TokenTable;
}

interface Account {
  readonly meter: QuotaMeter;
  readonly counts: ClientCounts;
}

export function createClientAccounts(options: ClientAccountsOptions): ClientAccounts {
  const { clock, metrics } = options;
  const since = new Date().toISOString();
  /** By token name, or `local`. Never removed: only the operator creates token names. */
  const accounts = new Map<string, Account>();
  /** For each live job, the tokens that were already counted. */
  const counted = new WeakMap<Job, TokenCounts>();

  function accountOf(client: string): Account {
    let account = accounts.get(client);
    if (account === undefined) {
      account = { meter: createQuotaMeter(clock), counts: createClientCounts() };
      accounts.set(client, account);
    }
    return account;
  }

  function rightsOf(client: string): TokenRights {
    return options.tokens().rightsOf(client) ?? { ...noRights, admin: options.localMode };
  }

  /** Counts the tokens that the job has used since the last call for it. */
  function count(job: Job, model: string, now: TokenCounts): void {
    const { client, trace } = job.spec.who;
    const before = counted.get(job) ?? noTokens;
    counted.set(job, now);
    // Never negative: after an engine crash, the next engine may have more of the prompt in its cache.
    const since = (key: keyof TokenCounts): number => Math.max(0, now[key] - before[key]);
    const used = { prompt: since("prompt"), cached: since("cached"), completion: since("completion") };
    if (used.prompt + used.completion === 0) return;
    const { meter, counts } = accountOf(client);
    meter.useTokens(used.prompt + used.completion, trace);
    counts.used(model, used);
    metrics.clientTokens.inc({ client, model, kind: "prompt" }, Math.max(0, used.prompt - used.cached));
    metrics.clientTokens.inc({ client, model, kind: "cached_prompt" }, used.cached);
    metrics.clientTokens.inc({ client, model, kind: "completion" }, used.completion);
  }

  function accept(client: string): void {
    accountOf(client).counts.accepted();
    metrics.clientRequests.inc({ client, outcome: "accepted" });
  }

  function refuse(client: string, outcome: "refused" | "over_quota" = "refused"): void {
    accountOf(client).counts.refused();
    metrics.clientRequests.inc({ client, outcome });
  }

  function admissionTo(client: string, { meter }: Account, first: boolean, inPlace: boolean): Admission {
    if (!first) return meter.follow();
    try {
      return meter.admit(rightsOf(client).quota, inPlace);
    } catch (error) {
      refuse(client, "over_quota");
      throw error;
    }
  }

  function reportOf(client: string): ClientUsage {
    const { meter, counts } = accountOf(client);
    const { admin, quota } = rightsOf(client);
    const left = meter.left(quota);
    return { client, admin, ...counts.report(), running: meter.live, ...(left === undefined ? {} : { quota: left }) };
  }

  return {
    admit(client, { first, inPlace }) {
      const account = accountOf(client);
      const admission = admissionTo(client, account, first, inPlace);
      return {
        accepted(job) {
          inBackground("count a job", job.ended.promise.then(admission.ended));
          if (first) accept(client);
        },
        refused() {
          admission.withdrawn();
          if (first) refuse(client);
        },
      };
    },
    lineRefusal: (client) => accountOf(client).meter.lineRefusal(rightsOf(client).quota),
    beginLine(client, trace) {
      const { meter } = accountOf(client);
      meter.beginLine(trace);
      return () => meter.endLine(trace);
    },
    admitBatch(client) {
      admissionTo(client, accountOf(client), true, true).ended();
      accept(client);
    },
    async withinTokens(client, signal) {
      const { meter } = accountOf(client);
      for (;;) {
        signal.throwIfAborted();
        const waitMs = meter.tokensInMs(rightsOf(client).quota);
        if (waitMs === 0) return;
        const waited = deferred<void>();
        const timer = clock.setTimeout(waited.resolve, waitMs);
        const unlisten = onAbort(signal, waited.resolve);
        await waited.promise;
        timer.cancel();
        unlisten();
      }
    },
    given: accept,
    room: (client) => Math.max(1, accountOf(client).meter.room(rightsOf(client).quota)),
    headers: (client) => rateLimitHeaders(accountOf(client).meter.left(rightsOf(client).quota)),
    report(client) {
      const names = client === undefined ? new Set([...options.tokens().names, ...accounts.keys()]) : [client];
      return { since, clients: [...names].map(reportOf) };
    },
    observe(job, what, model) {
      const before = counted.get(job) ?? noTokens;
      if (what.type === "started") count(job, model, promptOf(job, before.completion));
      if (what.type === "tokens") count(job, model, { ...before, completion: before.completion + what.tokens });
      if (what.type !== "ended") return;
      const { client } = job.spec.who;
      const { outcome } = what;
      count(job, model, promptOf(job, totalCountsOf(job.state).completionTokens));
      counted.delete(job);
      accountOf(client).counts.ended(outcome.type);
      metrics.clientJobs.inc({ client, outcome: outcome.type });
    },
  };
}

function promptOf({ state }: Job, completion: number): TokenCounts {
  const { promptTokens, cachedTokens } = totalCountsOf(state);
  return { prompt: promptTokens, cached: cachedTokens, completion };
}
