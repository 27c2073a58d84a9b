// Runs the tool calls of jobs, each at most once: a call is in the journal before it is sent. After a restart, a request with the same key continues
// after the recorded messages, and the outcome of a call without a result is unknown. Decision 126.
import { createHoldings, createShares, deferred, inBackground, unlessAborted } from "@waggle/async";
import { drawnId, streamKeys, toolOf } from "@waggle/jobs";
import type { CallableTool, Calls, GenerateSpec, Job, JobCalls, JobRegistry } from "@waggle/jobs";
import type { GenerateWork, Picture } from "@waggle/engine";
import { failedOutcome } from "@waggle/mcp";
import type { CallOutcome, Journal, ToolServers, TurnRecord } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import type { AnswerMessage, ToolCall } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { ClientAccounts } from "../access/client-accounts.ts";
import type { HeldPicture, PictureBudget } from "../pictures/picture-budget.ts";
import type { HttpLimits, ServedModels } from "../server/context.ts";
import { argumentsOf, markedResult, recordOf, workAfter } from "./call-messages.ts";
import type { ResultMessage } from "./call-messages.ts";
import { createConsents } from "./consents.ts";
import type { Consents } from "./consents.ts";
import { fitText, fittingPictures, picturesOf } from "./fit-result.ts";
import { serverIn } from "./tool-lookup.ts";
import type { ToolLookup } from "./tool-lookup.ts";

/** Jobs with tools at a time. A job whose call runs or waits for consent is in no queue, so the queue's limit does not count it. */
const mostJobs = 256;
const retryAfterS = 5;
/** Keys of jobs that are kept, for requests that are sent again. At the limit, the client with the most keys loses its oldest one. */
const mostKeys = 16_384;

/** The MCP servers of a worker with `--mcp-config`, and what their calls need. */
export interface Mcp {
  readonly servers: ToolServers;
  readonly journal: Journal;
  readonly limits: CallLimits;
}

export interface CallLimits {
  /** Messages with calls, after which the model answers without MCP tools. */
  readonly steps: number;
  /** Time limit of a job with MCP tools. */
  readonly timeoutMs: number;
}

/** The MCP tools of requests, and their calls. */
export interface McpTools extends ToolLookup, CallLimits {
  readonly calls: Pick<FrontCalls, "newestKey" | "consent" | "giveUp">;
}

export interface CallsOptions extends Mcp {
  readonly registry: Pick<JobRegistry, "get" | "forget">;
  readonly models: Pick<ServedModels, "find">;
  readonly accounts: Pick<ClientAccounts, "withinTokens">;
  readonly pictures: Pick<PictureBudget, "hold">;
  readonly httpLimits: HttpLimits;
  readonly log: Logger;
}

export interface FrontCalls extends Calls {
  /**
   * Opens the journal for a job before its submission. Resolves with the spec and its recorded messages, or with the job of an earlier try.
   * @throws WaggleError conflict if the key was used with another request; resource_exhausted; unavailable
   */
  admit(spec: GenerateSpec): Promise<AdmittedCalls | Job>;
  /** The key of the client's newest job with this body, among keys that begin like this: for a retry whose request names no key. */
  newestKey(client: string, beginning: string, digest: string): Promise<string | undefined>;
  readonly consent: Consents["give"];
  /** The client cancels its job that has ended: while the job is kept, the request does not continue it when it is sent again. */
  giveUp(job: Job): void;
  /** What jobs with tools hold now. All counts are 0 when no such job is live and no call runs. */
  readonly held: {
    readonly sessions: number;
    readonly shares: number;
    readonly consents: number;
    readonly calls: number;
  };
  /** Ends all calls, then the servers. */
  stop(): Promise<void>;
}

export interface AdmittedCalls {
  readonly spec: GenerateSpec;
  accepted(job: Job): void;
  refused(error: unknown): void;
}

/** What a job with tools holds until its end, and until its last call has returned. */
interface Session {
  readonly record: TurnRecord;
  readonly own: Try;
  readonly key: string;
  /** Aborts when the job ends. */
  readonly over: AbortController;
  /** Aborts the call that runs. */
  readonly calling: AbortController;
  readonly pictures: HeldPicture[];
}

export function createCalls(options: CallsOptions): FrontCalls {
  const { servers, journal, registry, models, accounts, httpLimits, log } = options;
  const consents = createConsents();
  const shares = createShares(mostJobs, httpLimits.clientQueueShare);
  /** The latest try of each request, by client and key. */
  const tries = new Map<string, Try>();
  const keys = createHoldings<string>();
  /** By client and id. */
  const sessions = new Map<string, Session>();
  /** Calls that were sent and have no result yet, by client, key and place. */
  const running = new Map<string, SentCall>();

  /** Resolves with the job of this try, which the request joins; with undefined when the try is over, and the request continues it. */
  async function jobOf(one: Try, name: string, spec: GenerateSpec): Promise<Job | undefined> {
    if (one.digest !== spec.who.requestDigest) throw conflict(spec);
    const job = typeof one.job === "string" ? registry.get(one.client, one.job) : await one.job.catch(() => undefined);
    // Another request may have taken the id.
    if (job !== undefined && job.spec.who.requestDigest !== one.digest) throw conflict(spec);
    if (job !== undefined && (one.isGivenUp || !canContinue(job))) return job;
    await job?.ended.promise;
    await one.returned;
    if (job !== undefined && registry.get(one.client, job.id) === job) registry.forget(job);
    if (tries.get(name) === one) forget(name);
    return undefined;
  }

  function forget(name: string): void {
    tries.delete(name);
    keys.remove(name);
  }

  function open(name: string, own: Try, record: TurnRecord, { id = "", who }: GenerateSpec): void {
    const [over, calling] = [new AbortController(), new AbortController()];
    sessions.set(joinedKey(who.client, id), { record, own, key: name, over, calling, pictures: [] });
  }

  function sentBy(key: string): readonly SentCall[] {
    return [...running.values()].filter((sent) => sent.key === key);
  }

  /** The record stays open until the last call has returned and its result is recorded. */
  function close(client: string, id: string): void {
    const session = sessions.get(joinedKey(client, id));
    if (session === undefined) return;
    sessions.delete(joinedKey(client, id));
    session.over.abort(new Error("The job has ended"));
    for (const { release } of session.pictures) release();
    const lastCalls = session.own.returned.then(() => sentBy(session.key).map(({ outcome }) => outcome));
    const released = lastCalls
      .then(async (outcomes) => await Promise.all(outcomes))
      .finally(() => {
        session.record.release();
        shares.add(client, -1);
      });
    inBackground("end the calls of a job", released);
  }

  async function outcomeOf(
    job: Job,
    session: Session,
    place: string,
    call: ToolCall,
    on: OnCall,
  ): Promise<CallOutcome> {
    const { record, over } = session;
    const tool = toolOf(job.spec.calls, call) as CallableTool;
    const sent = running.get(joinedKey(session.key, place));
    const known = record.outcomeOf(place) ?? (sent && (await unlessAborted(sent.outcome, over.signal)));
    if (known !== undefined) return known;
    const given = argumentsOf(call);
    if (given === undefined) return failedOutcome("failed", "The arguments are no JSON object. The call was not sent.");
    const unsent = async (kind: "failed" | "refused", why: string): Promise<CallOutcome> =>
      await keep(record, place, failedOutcome(kind, `${why} The call was not sent.`));
    const { client, sessionId } = job.spec.who;
    const asked = { client, job: job.id, call: call.id, conversation: sessionId, tool: call.function.name };
    if (!tool.allowed && !consents.has(asked)) {
      on("waits_for_consent");
      if (!(await consents.ask(asked, over.signal))) return await unsent("refused", "The user refused this call.");
    }
    over.signal.throwIfAborted();
    try {
      await record.willSend(place);
    } catch (error) {
      // The model continues without the call, so a later try of the job must not send it.
      return await unsent("failed", journalProblem(error));
    }
    if (over.signal.aborted) return await unsent("failed", "The job ended before the call was sent.");
    on("running");
    const outcome = send(session, place, tool, given, job);
    running.set(joinedKey(session.key, place), { key: session.key, outcome, calling: session.calling });
    return await unlessAborted(outcome, over.signal);
  }

  async function send(
    { record, key, calling }: Session,
    place: string,
    { server, name }: CallableTool,
    given: Readonly<Record<string, unknown>>,
    { id, spec }: Job,
  ): Promise<CallOutcome> {
    const outcome = await servers.call({ server, name }, given, { client: spec.who.client, signal: calling.signal });
    await keep(record, place, outcome);
    running.delete(joinedKey(key, place));
    log.info({ job: id, server, tool: name, outcome: outcome.kind }, "mcp_call");
    return outcome;
  }

  async function keep(record: TurnRecord, place: string, outcome: CallOutcome): Promise<CallOutcome> {
    await record.addResult(place, outcome).catch((error: unknown) => log.error({ err: error }, "mcp_journal_failed"));
    return outcome;
  }

  function journalProblem(error: unknown): string {
    if (!(error instanceof WaggleError)) log.error({ err: error }, "mcp_journal_failed");
    return error instanceof WaggleError ? error.message : "The journal of calls cannot be written.";
  }

  /** The result as the model gets it. @param left number of calls without a result, this one included */
  async function fitted(
    job: Job,
    session: Session,
    work: GenerateSpec["work"],
    outcome: CallOutcome,
    more: {
      readonly message: AnswerMessage;
      readonly results: readonly ResultMessage[];
      readonly call: ToolCall;
      readonly left: number;
    },
  ): Promise<{ readonly text: string; readonly pictures: ResultMessage["pictures"] }> {
    const { spec, state } = job;
    const { client } = spec.who;
    const tool = toolOf(spec.calls, more.call) as CallableTool;
    const served = models.find(spec.model);
    const { context_size: context, vision } = served.info();
    const read = picturesOf(outcome, {
      ...{ client, sees: vision !== undefined, work, limits: httpLimits, budget: options.pictures },
      onHeld: (held) => void session.pictures.push(held),
    });
    const count = async (text: string, pictures: readonly Picture[]): Promise<number> => {
      const result = { callId: more.call.id, text: markedResult(tool, { ...outcome, text }), pictures };
      const results = [...more.results, result];
      const next = workAfter(work, spec.calls as JobCalls, state.step.index, more.message, results);
      if (next.prompt.kind !== "messages") throw new Error("Only an answer to messages has calls");
      const question = { ...next.prompt, kind: "count" as const, pictures: next.pictures };
      return (await served.query<"count">(question, session.over.signal, client)).promptTokens;
    };
    const number = read.pictures.length;
    const fitting = await fittingPictures(number, context, async (few) => await count("", read.pictures.slice(0, few)));
    const pictures = read.pictures.slice(0, fitting);
    const note =
      read.note + (fitting < number ? `\n[Pictures left out, since the context is full: ${number - fitting}.]` : "");
    const { promptTokens, completionTokens } = state.counts;
    const before = more.results.reduce((bytes, { text }) => bytes + Buffer.byteLength(text), 0);
    const text = await fitText(outcome.text, {
      context,
      used: promptTokens === 0 || pictures.length > 0 ? undefined : promptTokens + completionTokens + before,
      results: more.left,
      count: async (part) => await count(part + note, pictures),
    });
    return { text: text + note, pictures };
  }

  async function run(
    job: Job,
    session: Session,
    message: AnswerMessage,
    on: OnCallEvent,
  ): Promise<GenerateWork | undefined> {
    const { spec, state } = job;
    const { calls, work, who } = spec;
    if (calls === undefined || work.kind !== "generate") throw new Error("Only a job with tools has calls");
    const { record, over } = session;
    const { index } = state.step;
    if (index >= record.steps.length) await record.addStep(recordOf(message));
    const made = message.tool_calls ?? [];
    const own = made.filter((call) => toolOf(calls, call) !== undefined);
    const results: ResultMessage[] = [];
    for (const [at, call] of made.entries()) {
      const tool = toolOf(calls, call);
      if (tool === undefined) continue;
      const about = { ...streamKeys(job), call_id: call.id, server: tool.server, tool: tool.name };
      const outcome = await outcomeOf(job, session, `${index}.${at}`, call, (now) =>
        on({ type: "tool_call", ...about, state: now }),
      );
      over.signal.throwIfAborted();
      const left = own.length - results.length;
      const { text, pictures } = await fitted(job, session, work, outcome, { message, results, call, left });
      over.signal.throwIfAborted();
      on({ type: "tool_result", ...about, outcome: outcome.kind, text });
      results.push({ callId: call.id, text: markedResult(tool, { ...outcome, text }), pictures });
    }
    // The client has to run the other calls.
    if (own.length < made.length) return undefined;
    await accounts.withinTokens(who.client, over.signal);
    return workAfter(work, calls, index, message, results);
  }

  return {
    async admit(given) {
      const { calls, who } = given;
      if (calls === undefined) throw new Error("Only a job with tools has calls");
      const spec = { ...given, id: given.id ?? drawnId() };
      const name = joinedKey(who.client, calls.key);
      // Nothing is awaited from the last look until this try is set, so that of two equal requests one joins the other.
      for (let one = tries.get(name); one !== undefined; one = tries.get(name)) {
        const earlier = await jobOf(one, name, spec);
        if (earlier !== undefined) return earlier;
      }
      const accepted = deferred<Job>();
      accepted.promise.catch(() => {});
      const own: Try = {
        client: who.client,
        digest: who.requestDigest,
        job: accepted.promise,
        isGivenUp: false,
        returned: nothing,
      };
      tries.set(name, own);
      let holds: "nothing" | "share" | "record" = "nothing";
      const refused = (error: unknown): void => {
        if (holds === "record") close(who.client, spec.id);
        if (holds === "share") shares.add(who.client, -1);
        if (tries.get(name) === own) forget(name);
        accepted.reject(error);
      };
      try {
        // A live job with this id may have another key.
        if (registry.get(who.client, spec.id) !== undefined) throw taken(spec.id);
        const limit = shares.limitFor(who.client, 1);
        if (limit !== undefined) {
          const whose = limit === "full" ? "" : " of this client";
          const why = `${limit === "full" ? mostJobs : shares.clientCapacity} jobs${whose} with MCP tools run already`;
          throw new WaggleError("resource_exhausted", `Cannot accept the request: ${why}.`, { retryAfterS });
        }
        shares.add(who.client, 1);
        holds = "share";
        const record = await journal.begin({ client: who.client, key: calls.key, digest: who.requestDigest ?? "" });
        if (record === undefined) throw conflict(spec);
        open(name, own, record, spec);
        holds = "record";
        checkTools(calls.tools, record.steps, servers.names);
        const recorded = record.steps.map((step): AnswerMessage => ({ role: "assistant", ...step }));
        return {
          spec: { ...spec, calls: { ...calls, recorded } },
          refused,
          accepted(job) {
            accepted.resolve(job);
            // From its end on, the registry decides how long the job is kept.
            const done = job.ended.promise.then(() => (own.job = job.id));
            inBackground("note the end of a job", done);
            keys.set(who.client, name, 1);
            for (const oldest of keys.takeBeyond(mostKeys)) tries.delete(oldest);
          },
        };
      } catch (error) {
        refused(error);
        throw error;
      }
    },
    async run(job, message, on) {
      const session = sessions.get(joinedKey(job.spec.who.client, job.id));
      if (session === undefined) throw new Error("No calls are open");
      const work = run(job, session, message, on);
      session.own.returned = work.then(
        () => {},
        () => {},
      );
      return await work;
    },
    ended(job) {
      const { phase } = job.state;
      const by = phase.name === "ended" && phase.outcome.type === "cancelled" ? phase.outcome.by : undefined;
      const { client } = job.spec.who;
      const session = sessions.get(joinedKey(client, job.id));
      // A newer request, a lost client or a deadline do not stop the call, and its result is recorded.
      const isUnwanted = by === "client" || by === "operator";
      if (session !== undefined && isUnwanted) for (const { calling } of sentBy(session.key)) calling.abort();
      close(client, job.id);
    },
    async newestKey(client, beginning, digest) {
      return await journal.newest(client, beginning, digest);
    },
    consent: consents.give,
    giveUp({ id, spec: { calls, who } }) {
      const last = calls && tries.get(joinedKey(who.client, calls.key));
      if (last?.job === id) last.isGivenUp = true;
    },
    get held() {
      return { sessions: sessions.size, shares: shares.total, consents: consents.waiting, calls: running.size };
    },
    async stop() {
      const last = [...running.values()];
      for (const { calling } of last) calling.abort();
      await Promise.all(last.map(({ outcome }) => outcome));
      // The next worker may open the journal before the servers exit.
      await journal.close();
      await servers.close();
    },
  };
}

interface SentCall {
  /** The job's client and key. */
  readonly key: string;
  readonly outcome: Promise<CallOutcome>;
  readonly calling: AbortController;
}

interface Try {
  readonly client: string;
  readonly digest: string | undefined;
  /** The job's id after its end. */
  job: Promise<Job> | string;
  isGivenUp: boolean;
  /** Settles when the calls of the job's last message are over. Until then the job may change its record, also after its end. */
  returned: Promise<void>;
}

const nothing = Promise.resolve();

type OnCallEvent = Parameters<Calls["run"]>[2];
type OnCall = (state: "waits_for_consent" | "running") => void;

/** Whether the job continues when its request is sent again: it failed, or its client was lost. */
function canContinue({ spec, state: { phase } }: Job): boolean {
  if (spec.calls === undefined || (phase.name !== "ending" && phase.name !== "ended")) return false;
  const { outcome } = phase;
  if (outcome.type === "cancelled") return outcome.by === "disconnect" || outcome.by === "unclaimed";
  return outcome.type === "failed";
}

/** A server of the recorded calls may be out of reach now. @throws WaggleError unavailable */
function checkTools(
  tools: Readonly<Record<string, CallableTool>>,
  steps: TurnRecord["steps"],
  servers: readonly string[],
): void {
  const names = steps.flatMap(({ tool_calls: calls }) => calls.map((call) => call.function.name));
  const lost = names.find((name) => !Object.hasOwn(tools, name) && servers.includes(serverIn(name)));
  if (lost === undefined) return;
  throw new WaggleError("unavailable", `Cannot continue the job: its MCP tool "${lost}" cannot be used now.`);
}

function taken(id: string): WaggleError {
  return new WaggleError("conflict", `Cannot accept job ${id}: that job_id is taken.`);
}

function conflict({ calls }: GenerateSpec): WaggleError {
  return new WaggleError("conflict", `Cannot accept the request: ${calls?.key} was used with a different request.`);
}

function joinedKey(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}
