// Owns the way from a request that its dialect has read to a response, the same for every dialect: the job is accepted, read at the client's
// pace or collected, and ends with its client.
import type { Job, JobSpec, Reader } from "@waggle/jobs";
import { WaggleError, isTerminal } from "@waggle/protocol";
import type { EndEvent, TokenEvent } from "@waggle/protocol";
import { connectionOf } from "./connection.ts";
import type { AppContext, AppOptions } from "./context.ts";
import type { Collector, Framing, Generation, SeveralGenerations } from "./dialect.ts";
import { completeEndOf, framedChunks } from "./framed-chunks.ts";
import { createRetries, retryMarkOf } from "./retries.ts";
import type { FoundJob, RequestFacts } from "./retries.ts";
import { readSeveral } from "./several.ts";
import { streamResponse } from "./stream-response.ts";
import type { StreamCounter } from "./stream-counter.ts";

export interface Generations {
  /** Accepts the job and answers with it, streamed or collected. @throws WaggleError */
  respond(c: AppContext, generation: Generation): Promise<Response>;
  /** Accepts the first job and answers with them all. @throws WaggleError */
  respondToSeveral(c: AppContext, several: SeveralGenerations): Promise<Response>;
  /**
   * Accepts the job, or finds the one that an earlier try of the same request has.
   * @throws WaggleError
   */
  submit(c: AppContext, spec: JobSpec, how?: Submission): Promise<Job>;
  /** Accepts the job and waits for its end. A client that leaves takes the job with it. @throws WaggleError also when it did not end well */
  complete(c: AppContext, spec: JobSpec, onToken?: OnToken, how?: Submission): Promise<CompleteJob>;
  /** One more reader of a job, from after this token index on. @throws WaggleError */
  stream(c: AppContext, job: Job, after: number, framing: Framing): Response;
}

/** Of one job's events, or of several jobs' as of one. */
type EventReader = Pick<Reader, "next" | "close">;

export interface Submission {
  /** Of a request that brings several jobs: which one. */
  readonly index?: number;
  /** Its client has the response's head before the answer is there: then no SDK tries again. */
  readonly streamed?: boolean;
}

type OnToken = (token: TokenEvent, job: Job) => void;

export interface CompleteJob {
  readonly job: Job;
  readonly end: EndEvent;
}

export function createGenerations(options: AppOptions, streams: StreamCounter): Generations {
  const { dispatcher, accounts } = options;

  const retries = createRetries(options.registry);

  async function submit(
    c: AppContext,
    wanted: JobSpec,
    { index = 0, streamed = false }: Submission = {},
  ): Promise<Job> {
    const facts = factsOf(c, index);
    const spec = { ...wanted, scope: { ...wanted.scope, requestDigest: facts.digest } };
    const mark = options.limits.retryGraceMs > 0 ? retryMarkOf(facts) : undefined;
    // Of a later one the response may be on its way already, and has its headers.
    const first = index === 0;
    const found =
      mark === undefined
        ? accept(c, spec, first)
        : retries.join(mark, facts, () => accept(c, { ...spec, retriable: mark.named || !streamed }, first));
    const { job, joined } = await found.finally(() => {
      if (first) for (const [name, value] of Object.entries(accounts.headers(facts.client))) c.header(name, value);
    });
    if (joined) {
      if (first) c.header("idempotent-replayed", "true");
      options.metrics.jobsJoined.inc();
      c.get("log").info({ job: job.id }, "request_joined");
    }
    return job;
  }

  /** @param first of its request's jobs */
  async function accept(c: AppContext, spec: JobSpec, first: boolean): Promise<FoundJob> {
    try {
      // A job that ends with its client has nobody any more; it would only end another one of its session.
      if (spec.direct && spec.onDisconnect === "cancel" && connectionOf(c).left) throw clientLeft();
      const job = await submitWithin(spec, first);
      c.get("trace")?.adopt(job);
      return { job, joined: false };
    } catch (error) {
      const { code } = WaggleError.from(error);
      const named = code === "conflict" ? await namedJob(spec) : undefined;
      if (named !== undefined) return { job: named, joined: true };
      options.metrics.jobsRejected.inc({ code });
      throw error;
    }
  }

  /** Within its client's quota, which is asked before the queue is. */
  async function submitWithin(spec: JobSpec, first: boolean): Promise<Job> {
    const { client, sessionId } = spec.scope;
    const inPlace = sessionId !== undefined && dispatcher.sessionJob(client, sessionId) !== undefined;
    const admission = accounts.admit(client, { first, inPlace });
    try {
      const job = await dispatcher.submit(spec);
      admission.accepted(job);
      return job;
    } catch (error) {
      admission.refused();
      throw error;
    }
  }

  /** The job whose name this request gives its own, where it is the same request. @throws WaggleError unavailable */
  async function namedJob({ id, scope }: JobSpec): Promise<Job | undefined> {
    if (id === undefined) return undefined;
    const { client, requestDigest } = scope;
    const job = options.registry.get(client, id);
    if (job === undefined) return await options.finder?.join(client, id, requestDigest);
    return job.spec.scope.requestDigest === requestDigest ? job : undefined;
  }

  // The client may leave at any time while its job is being accepted. Whoever opens a reader looks, before anything is awaited, whether it
  // is still there; closing that reader is what ends the job, or leaves it running where its client has asked for that.

  async function complete(c: AppContext, spec: JobSpec, onToken?: OnToken, how?: Submission): Promise<CompleteJob> {
    const job = await submit(c, spec, how);
    const connection = connectionOf(c);
    const reader = dispatcher.openReader(job, -1, () => connection.destroy());
    return { job, end: await readToEnd(c, reader, (token) => onToken?.(token, job)) };
  }

  async function readToEnd(
    c: AppContext,
    reader: EventReader,
    onToken: (token: TokenEvent) => void,
  ): Promise<EndEvent> {
    const forget = connectionOf(c).onLeft(() => reader.close());
    try {
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
        for (const event of next.value) {
          if (event.type === "token") onToken(event);
          if (isTerminal(event)) return completeEndOf(event);
        }
      }
    } finally {
      forget();
      reader.close();
    }
    throw clientLeft();
  }

  /** What one request may take is the time of all its jobs. */
  async function openSeveral(c: AppContext, several: SeveralGenerations): Promise<EventReader> {
    const connection = connectionOf(c);
    const startedAt = options.clock.now();
    return await readSeveral({
      ...several,
      width: Math.min(several.width, accounts.room(c.get("client"))),
      async submit(spec, index) {
        const left = (spec.deadlineMs ?? Infinity) - (options.clock.now() - startedAt);
        const inTime = spec.deadlineMs === undefined ? spec : { ...spec, deadlineMs: Math.max(1, left) };
        return await submit(c, inTime, { index, streamed: several.answer.kind === "streamed" });
      },
      open: (job) => dispatcher.openReader(job, -1, () => connection.destroy()),
    });
  }

  /** @param release gives back the place among the client's streams */
  function open(
    c: AppContext,
    job: Job,
    after: number,
    framingOf: (job: Job) => Framing,
    release: () => void,
  ): Response {
    const openReader = (): Reader => dispatcher.openReader(job, after, () => connectionOf(c).destroy());
    return streamFrom(c, openReader, () => framingOf(job), release);
  }

  function streamFrom(
    c: AppContext,
    openReader: () => EventReader,
    framingOf: () => Framing,
    release: () => void,
  ): Response {
    let reader: EventReader | undefined;
    try {
      reader = openReader();
      if (connectionOf(c).left) throw clientLeft();
      const framing = framingOf();
      const chunks = framedChunks({ reader, framing, log: c.get("log"), onClose: release });
      return streamResponse(c, chunks, framing.headers);
    } catch (error) {
      reader?.close();
      release();
      throw error;
    }
  }

  return {
    submit,
    complete,
    async respond(c, { spec, answer }) {
      if (answer.kind === "collected") {
        let collector: Collector | undefined;
        const collected = (job: Job): Collector => (collector ??= answer.collector(job));
        const { job, end } = await complete(c, spec, (token, from) => collected(from).add(token));
        return c.json(collected(job).body(end));
      }
      // Before the job is accepted: it would supersede another one of its session, only to be refused.
      const release = streams.reserve(c.get("client"));
      const job = await submit(c, spec, { streamed: true }).catch((error: unknown) => {
        release();
        throw error;
      });
      return open(c, job, -1, (accepted) => answer.framing(accepted), release);
    },
    async respondToSeveral(c, several) {
      const { answer } = several;
      if (answer.kind === "collected") {
        const reader = await openSeveral(c, several);
        const collector = answer.collector();
        const end = await readToEnd(c, reader, (token) => collector.add(token));
        return c.json(collector.body(end));
      }
      const release = streams.reserve(c.get("client"));
      const reader = await openSeveral(c, several).catch((error: unknown) => {
        release();
        throw error;
      });
      return streamFrom(
        c,
        () => reader,
        () => answer.framing(),
        release,
      );
    },
    stream: (c, job, after, framing) => open(c, job, after, () => framing, streams.reserve(c.get("client"))),
  };
}

function factsOf(c: AppContext, index: number): RequestFacts {
  return {
    client: c.get("client"),
    route: `${c.req.method} ${c.req.path} ${index}`,
    digest: c.get("bodyDigest") ?? "",
    header: (name) => c.req.header(name),
  };
}

function clientLeft(): WaggleError {
  return new WaggleError("cancelled", "The client left before its answer was complete.");
}
