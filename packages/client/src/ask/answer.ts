// Owns one answer: posts its job under an id of this client, follows the stream through broken connections, asks again while no text was delivered,
// and cancels the job when the caller leaves.
import { WaggleError } from "@waggle/protocol/errors";
import { createAnswerLog } from "./answer-log.ts";
import { defaultMaxTries, followJob, maxRetryAfterMs, type FollowEnd } from "./follow-job.ts";
import { retryDelayMs, waitToRetry } from "./retry-wait.ts";
import { bodyText, errorFrom, responseError, type Server } from "./server.ts";
import type { Answer, AnswerResult, AskRequest } from "./waggle.ts";
import type { EndEvent, StreamEvent } from "./wire.ts";

/** The client waits before another try: the connection was lost, or the server is busy. */
export interface RetryEvent {
  readonly type: "retry";
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly retryAt: number;
}

export type AnswerEvent = StreamEvent | RetryEvent;

/** Events that only matter until the next one of them. An answer may wait for hours, with one each second. */
const states: ReadonlySet<AnswerEvent["type"]> = new Set(["queued", "status", "retry"]);
/** Jobs of one answer: a job that ends without a token by a fault that may pass is followed by another. */
const maxJobs = 3;
/** How long a cancelled answer waits until the server has cancelled the job. */
const cancelLimitMs = 2_000;
const jobIdBytes = 12;

/** @param isLatest whether no newer answer of the session was asked for */
export function startAnswer(
  server: Server,
  request: AskRequest,
  isLatest: () => boolean,
  maxTries = defaultMaxTries,
): Answer {
  const log = createAnswerLog<AnswerEvent>(({ type }) => states.has(type));
  const stop = new AbortController();
  let jobId = newJobId();
  let lastIndex = -1;
  let terminal: EndEvent | undefined;
  let failure: WaggleError | undefined;
  let isLost = false;
  let text = "";
  /** The last POST, whose job cannot be cancelled before the server has accepted it. */
  let posting: Promise<unknown> | undefined;

  function take(event: StreamEvent): void {
    if (event.type === "error") failure = errorFrom(event);
    else log.add(event);
    if (event.type === "end") terminal = event;
    if (event.type !== "token") return;
    lastIndex = event.index;
    text += answerTextIn(event) ?? "";
  }

  /** @throws WaggleError that the server sent, when it is final or the tries are over */
  async function post(fields: object): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      stop.signal.throwIfAborted();
      const body = JSON.stringify({ ...fields, job_id: jobId });
      const sent = server.send("POST", "/v1/jobs", { body }).then(async (response) => {
        if (!response.ok) throw await responseError(response, "POST /v1/jobs");
        // Read to its end, so that the connection can be used again. The status alone says that the job is accepted.
        await bodyText(response);
      });
      posting = sent;
      try {
        return await unlessAborted(sent, stop.signal);
      } catch (error) {
        if (!mayPass(error) || tries >= maxTries) throw error;
        await pause(error, tries);
      }
    }
  }

  /** @throws the error itself if the server asks for a longer wait than an answer is worth; WaggleError cancelled if the session has a newer answer */
  async function pause(error: WaggleError, tries: number): Promise<void> {
    // A lost connection has no Retry-After; its error has the default of its code.
    const askedMs = error.cause === undefined ? (error.retryAfterMs ?? 0) : 0;
    if (askedMs > maxRetryAfterMs) throw error;
    const delayMs = Math.max(retryDelayMs(tries), askedMs);
    log.add({ type: "retry", reason: error.message, retryAt: Date.now() + delayMs });
    await waitToRetry(delayMs, stop.signal);
    stop.signal.throwIfAborted();
    // The POST of an older answer would supersede the newer one.
    if (!isLatest()) throw cancelledBy("superseded");
  }

  /** @throws WaggleError when the job has no complete answer */
  async function follow(): Promise<EndEvent> {
    failure = undefined;
    const end = await followJob({
      request: (path, init) => server.send("GET", path, init),
      ...{ jobId, after: lastIndex, signal: stop.signal, maxTries },
      onEvent: take,
      onConnection(retryAt) {
        if (retryAt !== undefined) log.add({ type: "retry", reason: "The connection was lost.", retryAt });
      },
    });
    stop.signal.throwIfAborted();
    isLost = end.kind === "lost";
    failure ??= terminal === undefined ? await errorOfEnd(end, jobId) : errorOfCancel(terminal);
    if (failure !== undefined || terminal === undefined) throw failure as WaggleError;
    return terminal;
  }

  async function run(): Promise<AnswerResult> {
    const fields = fieldsOf(request);
    for (let jobs = 1; ; jobs += 1) {
      try {
        await post(fields);
        return resultOf(await follow(), text);
      } catch (error) {
        const isLast = jobs === maxJobs || jobs > maxTries;
        // After `post` has given up, more tries would be beyond the limit.
        if (!mayPass(error) || lastIndex >= 0 || isLast || error !== failure) throw error;
        // A job that was lost may still run, and a POST with its id joins it. An ended job would only end again.
        if (!isLost) jobId = newJobId();
        terminal = undefined;
        await pause(error, jobs);
      }
    }
  }

  /** Returns after the limit, although the server may get the DELETE later. */
  async function cancelJob(posted: Promise<unknown>): Promise<void> {
    const remove = (): Promise<unknown> => server.send("DELETE", `/v1/jobs/${encodeURIComponent(jobId)}`);
    try {
      await unlessAborted(posted.then(remove, remove), AbortSignal.timeout(cancelLimitMs));
    } catch {
      // Without a reader, the job ends after the server's grace.
    }
  }

  const leave = (): void => stop.abort(request.signal?.reason);
  request.signal?.addEventListener("abort", leave, { once: true });
  if (request.signal?.aborted === true) leave();

  const result = run()
    .catch(async (error: unknown) => {
      if (stop.signal.aborted && posting !== undefined && terminal === undefined) await cancelJob(posting);
      throw error;
    })
    .finally(() => request.signal?.removeEventListener("abort", leave));
  // The error is reported by each loop and by each await of the result, and not as an unhandled rejection.
  result.then(
    () => log.end(),
    (error: unknown) => log.end({ error }),
  );
  return {
    get jobId() {
      return jobId;
    },
    text: log.read((event) => (event.type === "token" ? answerTextIn(event) : undefined)),
    events: log.read((event) => event),
    result,
    cancel: () => stop.abort(new WaggleError("cancelled", "The answer was cancelled by this program.")),
  };
}

/**
 * A copy, because the caller may change the request before a later try.
 * @throws WaggleError invalid_argument
 */
function fieldsOf({ signal: _, session, fields, ...given }: AskRequest): object {
  try {
    return JSON.parse(
      JSON.stringify({ ...fields, ...given, ...(session === undefined ? {} : { session_id: session }) }),
    ) as object;
  } catch (cause) {
    throw new WaggleError("invalid_argument", "Cannot send the request: JSON cannot carry one of its fields.", {
      cause,
    });
  }
}

/** Undefined for reasoning, calls, further choices and tokens without text. */
function answerTextIn({
  part = "content",
  choice = 0,
  text,
}: StreamEvent & { readonly type: "token" }): string | undefined {
  return part === "content" && choice === 0 && text !== "" ? text : undefined;
}

/** `crypto.randomUUID` exists only on secure origins, and a server on a local network has no secure origin. */
function newJobId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(jobIdBytes));
  return `job-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Whether the same request may succeed later. A deadline of the caller has passed for good. */
function mayPass(error: unknown): error is WaggleError {
  return error instanceof WaggleError && ["unavailable", "engine_failed", "resource_exhausted"].includes(error.code);
}

async function errorOfEnd(end: FollowEnd, jobId: string): Promise<WaggleError> {
  switch (end.kind) {
    case "refused":
      return await responseError(end.response, "GET /v1/jobs/:id/stream");
    case "cut":
      return errorFrom(end.event);
    case "forgotten":
      return new WaggleError(
        "unavailable",
        `Cannot continue ${jobId}: the server has lost the job, probably by a restart. Ask again.`,
        { retryAfterS: 0 },
      );
    case "lost":
      return new WaggleError("unavailable", `Cannot continue ${jobId}: the server cannot be reached.`);
    case "ended":
    case "left":
      return new WaggleError("internal", `Cannot read ${jobId}: its stream closed without a result.`);
  }
}

/** A job that ended because its reader was away too long can be asked for again; another cancel was requested. */
function errorOfCancel({ finish_reason: reason, cancelled_by: by }: EndEvent): WaggleError | undefined {
  if (reason !== "cancelled") return undefined;
  if (by !== "disconnect" && by !== "unclaimed") return cancelledBy(by);
  const message = "The server cancelled the answer, because the connection was lost for too long. Ask again.";
  return new WaggleError("unavailable", message, { details: { cancelled_by: by }, retryAfterS: 0 });
}

function cancelledBy(by: EndEvent["cancelled_by"]): WaggleError {
  const message = `The answer was cancelled${by === undefined ? "" : ` (${by})`}.`;
  return new WaggleError("cancelled", message, { details: { cancelled_by: by } });
}

function resultOf(end: EndEvent, text: string): AnswerResult {
  const { message, finish_reason: finishReason, usage, timings, receipt } = end;
  return { text, message, finishReason, usage, timings, receipt, end };
}

/** @throws the signal's reason as soon as it aborts */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let forget = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    forget = () => signal.removeEventListener("abort", leave);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    forget();
  }
}
