// Owns the way from a translated request to its response, for all dialects: submits the job, reads its events at the client's pace or collects
// them, and cancels the job when the client leaves.
import { inBackground } from "@waggle/async";
import { mayOverflow, picturesOf } from "@waggle/engine";
import type { Job, JobSpec, Reader } from "@waggle/jobs";
import { WaggleError, isTerminal, lanePriority } from "@waggle/protocol";
import type { EndEvent } from "@waggle/protocol";
import { connectionOf } from "../server/connection.ts";
import type { AppContext, AppOptions } from "../server/context.ts";
import type { AnswerMode, BatchGeneration, Collector, Framing, Generation, OngoingEvent } from "./dialect.ts";
import { completeEndOf, framedChunks } from "../stream/framed-chunks.ts";
import { createRetries, retryMarkOf } from "./retries.ts";
import type { FoundJob, RequestFacts } from "./retries.ts";
import { runBatch } from "./batch.ts";
import type { EventReader } from "./batch.ts";
import { streamResponse } from "../stream/stream-response.ts";
import type { StreamCounter } from "../stream/stream-counter.ts";
import type { AdmittedCalls, FrontCalls } from "../calls/calls.ts";
import type { PictureBudget } from "../pictures/picture-budget.ts";

export interface Generations {
  /** Submits the job and answers with its output, streamed or collected. @throws WaggleError */
  respond(c: AppContext, generation: Generation): Promise<Response>;
  /** Submits the jobs of the batch and answers with the output of all jobs. @throws WaggleError */
  respondToBatch(c: AppContext, batch: BatchGeneration): Promise<Response>;
  /** Submits the job, or finds the job of an earlier try of the same request. @throws WaggleError */
  submit(c: AppContext, spec: JobSpec, how?: Submission): Promise<Job>;
  /** Submits the job and waits for its end; cancels the job when the client leaves. @throws WaggleError also when the job fails */
  complete(c: AppContext, spec: JobSpec): Promise<{ readonly job: Job; readonly end: EndEvent }>;
  /** Answers with a stream of the job's events after this token index. @throws WaggleError */
  stream(c: AppContext, job: Job, after: number, framing: Framing): Promise<Response>;
}

type Readable = Pick<Reader, "next" | "close">;

export interface Submission {
  /** Index of the job in a request with several jobs. */
  readonly index?: number;
  /** Whether the client gets the response's headers before the answer; SDKs retry only requests without a response. */
  readonly streamed?: boolean;
}

export function createGenerations(
  options: AppOptions,
  streams: StreamCounter,
  pictures: Pick<PictureBudget, "hold">,
  calls: Pick<FrontCalls, "admit"> | undefined,
): Generations {
  const { dispatcher, accounts } = options;
  const inFleet = options.finder !== undefined;

  const retries = createRetries(options.registry);

  async function submit(
    c: AppContext,
    wanted: JobSpec,
    { index = 0, streamed = false }: Submission = {},
  ): Promise<Job> {
    const line = c.env?.lane;
    if (line !== undefined) return (await accept(c, laneSpecOf(wanted, line.batch), index === 0)).job;
    const facts = factsOf(c, index);
    const who = { ...wanted.who, requestDigest: facts.digest, ticket: c.get("ticket") };
    const spec = { ...wanted, who };
    const mark = options.limits.retryGraceMs > 0 ? retryMarkOf(facts) : undefined;
    // Only the first job can set headers: the response may have begun when a later job is submitted.
    const first = index === 0;
    const found =
      mark === undefined
        ? accept(c, spec, first)
        : retries.join(mark, facts, () => {
            const when = { ...spec.when, retriable: mark.named || !streamed };
            return accept(c, { ...spec, when }, first);
          });
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

  /** @param first whether this is the first job of its request */
  async function accept(c: AppContext, given: JobSpec, first: boolean, again = inFleet): Promise<FoundJob> {
    const admitted = await admitCalls(given);
    if (admitted !== undefined && "log" in admitted) return { job: admitted, joined: true };
    const spec = admitted?.spec ?? given;
    try {
      // If the client has left, the job would be cancelled soon, but would first supersede another job of its session.
      const hasLeft = (): boolean => connectionOf(c).left && spec.when.onDisconnect === "cancel";
      const job = await submitWithin(spec, first, hasLeft);
      admitted?.accepted(job);
      inBackground("release pictures", job.ended.promise.then(holdPictures([spec])));
      return { job, joined: false };
    } catch (error) {
      admitted?.refused(error);
      const { code } = WaggleError.from(error);
      const named = code === "conflict" ? await namedJob(spec) : undefined;
      if (named !== undefined) return { job: named, joined: true };
      // A refused job has its id until its record is gone.
      if (code === "conflict" && again) return await accept(c, given, first, false);
      options.metrics.jobsRejected.inc({ code });
      throw error;
    }
  }

  /** Opens the journal for a job with tools. */
  async function admitCalls(spec: JobSpec): Promise<AdmittedCalls | Job | undefined> {
    if (spec.calls === undefined || spec.work.kind !== "generate") return undefined;
    try {
      return await calls?.admit({ ...spec, work: spec.work });
    } catch (error) {
      options.metrics.jobsRejected.inc({ code: WaggleError.from(error).code });
      throw error;
    }
  }

  /** Counts the pictures of these jobs until the returned function is called. */
  function holdPictures(specs: readonly JobSpec[]): () => void {
    const held = specs.flatMap(({ who, work }) => {
      return (picturesOf(work) ?? []).map((picture, index) =>
        pictures.hold(who.client, picture, `picture ${index + 1}`),
      );
    });
    return () => {
      for (const { release } of held) release();
    };
  }

  /** Checks the client's quota before the queue. */
  async function submitWithin(spec: JobSpec, first: boolean, hasLeft: () => boolean): Promise<Job> {
    const { client, sessionId, batch } = spec.who;
    // A line counts as a job before its request, and never as a request: that which created the batch was counted.
    if (batch !== undefined) return await dispatcher.submit(spec, { hasLeft });
    const inPlace = sessionId !== undefined && dispatcher.sessionJob(client, sessionId) !== undefined;
    const admission = accounts.admit(client, { first, inPlace });
    try {
      const job = await dispatcher.submit(spec, { hasLeft });
      admission.accepted(job);
      return job;
    } catch (error) {
      admission.refused();
      throw error;
    }
  }

  /** The existing job with the id of this spec, if that job has the same request. @throws WaggleError unavailable */
  async function namedJob({ id, who }: JobSpec): Promise<Job | undefined> {
    if (id === undefined) return undefined;
    const { client, requestDigest } = who;
    const job = options.registry.get(client, id);
    if (job === undefined) return await options.finder?.join(client, id, requestDigest);
    return job.spec.who.requestDigest === requestDigest ? job : undefined;
  }

  // The client may leave while its job is being submitted. So after opening a reader, and before the next await, check whether the client has left.
  // Closing the reader cancels the job, unless the job is to continue without readers.

  function openReader(c: AppContext, job: Job, after = -1): EventReader {
    const reader = dispatcher.openReader(job, after, () => connectionOf(c).destroy());
    return { job, next: () => reader.next(), close: () => reader.close() };
  }

  async function complete(c: AppContext, spec: JobSpec): Promise<{ job: Job; end: EndEvent }> {
    const job = await submit(c, spec);
    return { job, end: await readToEnd(c, openReader(c, job)) };
  }

  async function readToEnd(
    c: AppContext,
    reader: Readable,
    onEvent?: (event: OngoingEvent) => void,
  ): Promise<EndEvent> {
    const forget = connectionOf(c).onLeft(() => reader.close());
    try {
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
        for (const event of next.value) {
          if (isTerminal(event)) return completeEndOf(event);
          onEvent?.(event);
        }
      }
    } finally {
      forget();
      reader.close();
    }
    throw clientLeft();
  }

  function mayNotFit({ model, work }: JobSpec): boolean {
    return mayOverflow(work, options.models.find(model).info().context_size ?? Infinity);
  }

  /** The deadline counts from the start of the batch, for all of its jobs. */
  async function openBatch(c: AppContext, batch: BatchGeneration): Promise<EventReader> {
    const startedAt = options.clock.now();
    // When the first job is accepted the stream begins, and no prompt can be refused any more.
    const later = batch.streamed ? batch.specs.slice(1).filter(mayNotFit) : [];
    await Promise.all(later.map((spec) => dispatcher.preflight(spec)));
    // The later jobs are submitted when the request no longer holds its pictures.
    const release = holdPictures(batch.specs);
    const room = accounts.room(c.get("client"));
    // A line counts as one job. If the client's jobs are limited, the line's prompts run one after the other.
    const isOneJob = c.env?.lane !== undefined && room < Infinity;
    const reader = await runBatch({
      ...batch,
      width: Math.min(batch.width, isOneJob ? 1 : room),
      async submit(spec, index) {
        const { deadlineMs } = spec.when;
        const left = (deadlineMs ?? Infinity) - (options.clock.now() - startedAt);
        const when = deadlineMs === undefined ? spec.when : { ...spec.when, deadlineMs: Math.max(1, left) };
        const inTime = { ...spec, when };
        return await submit(c, inTime, { index, streamed: batch.streamed });
      },
      open: (job) => openReader(c, job),
    }).catch((error: unknown) => {
      release();
      throw error;
    });
    let isOpen = true;
    return {
      ...reader,
      close() {
        if (isOpen) release();
        isOpen = false;
        reader.close();
      },
    };
  }

  /** @param open submits the job, or the first job of a batch, and opens its reader */
  async function answerWith(c: AppContext, mode: AnswerMode, open: () => Promise<EventReader>): Promise<Response> {
    // A stream is reserved before the job is submitted: otherwise the job could supersede another job of its session, and then be rejected.
    if (mode.streamed) {
      const { answer } = mode;
      return await streamFrom(c, open, ({ job }) => answer.framing(job));
    }
    const { answer } = mode;
    const reader = await open();
    let collector: Collector | undefined;
    const collected = (): Collector => (collector ??= answer.collector(reader.job));
    const end = await readToEnd(c, reader, (event) => {
      if (event.type === "token") collected().add(event);
      if (event.type === "tool_result") collected().addResult?.(event);
    });
    const body = collected().body(end);
    return typeof body === "string" ? c.body(body, 200, { "content-type": "application/json" }) : c.json(body);
  }

  async function streamFrom<R extends Readable>(
    c: AppContext,
    open: () => R | Promise<R>,
    framingOf: (reader: R) => Framing,
    resumed = false,
  ): Promise<Response> {
    const release = streams.reserve(c.get("client"));
    let reader: R | undefined;
    try {
      reader = await open();
      if (connectionOf(c).left) throw clientLeft();
      const framing = framingOf(reader);
      const chunks = framedChunks({ reader, framing, resumed, log: c.get("log"), onClose: release });
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
    respond: (c, generation) =>
      answerWith(c, generation, async () => {
        const { spec, streamed } = generation;
        return openReader(c, await submit(c, spec, { streamed }));
      }),
    respondToBatch: (c, batch) => answerWith(c, batch, () => openBatch(c, batch)),
    stream: (c, job, after, framing) =>
      streamFrom(
        c,
        () => openReader(c, job, after),
        () => framing,
        after >= 0,
      ),
  };
}

/** A line of a batch uses what other jobs leave, and waits as long as it must. */
function laneSpecOf(spec: JobSpec, batch: string): JobSpec {
  const who = { ...spec.who, sessionId: undefined, batch };
  return { ...spec, who, when: { ...spec.when, priority: lanePriority, deadlineMs: undefined } };
}

export function factsOf(c: AppContext, index: number): RequestFacts {
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
