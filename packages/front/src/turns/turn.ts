// Runs a turn: a job, then the MCP calls of its answer, then a job with the results, until an answer calls no MCP tool. A turn is bounded in steps and
// in time. Before a call is sent, the journal has it on disk; after a restart, the turn continues from the journal and sends no call twice.
import { deferred } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { GenerateSpec, Job, JobDispatcher } from "@waggle/jobs";
import { failedOutcome } from "@waggle/mcp";
import type { CallOutcome, Journal, RecordedStep, ServerTool, ToolServers, TurnRecord } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import type { CancelledBy, EndEvent, Message, StreamEvent, ToolCall } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Consents } from "./consents.ts";
import { cancelledEnd, recordedEnd, stepEvents, turnEnd } from "./turn-events.ts";
import { createTurnLog, createTurnReader } from "./turn-log.ts";
import type { TurnLog, TurnReader } from "./turn-log.ts";
import { argumentsOf, callsIn, markedResult, messageOf, recordOf } from "./turn-messages.ts";

export interface TurnLimits {
  /** Messages with calls, after which the model answers without MCP tools. */
  readonly steps: number;
  readonly timeoutMs: number;
  /** How long a turn without readers continues, unless it is to continue anyway. */
  readonly reconnectGraceMs: number;
  readonly pingIntervalMs: number;
}

export interface TurnRequest {
  /** The turn's id, under which clients follow and cancel it like a job. */
  readonly id: string;
  readonly client: string;
  readonly sessionId: string | undefined;
  /** Names the turn in the journal, for this client. A request with the same key continues the turn. */
  readonly key: string;
  readonly digest: string;
  readonly onDisconnect: "cancel" | "continue";
  /** The stream is the response to the request itself. */
  readonly direct: boolean;
  readonly deadlineMs: number | undefined;
  /** The MCP tools that the model may call. */
  readonly tools: readonly ServerTool[];
  /** The job of the next step. @throws WaggleError */
  specOf(step: StepInput): Promise<GenerateSpec>;
  submit(spec: GenerateSpec, step: number): Promise<Job>;
}

export interface StepInput {
  /** Messages of the turn so far, which follow those of the request. */
  readonly messages: readonly Message[];
  /** `given`: as in the request. `later`: a choice that requires a call counts only for the first message. `none`: no tools. */
  readonly choice: "given" | "later" | "none";
}

export interface TurnOptions {
  readonly request: TurnRequest;
  readonly servers: Pick<ToolServers, "names" | "call">;
  readonly journal: Pick<Journal, "begin">;
  readonly consents: Consents;
  readonly dispatcher: Pick<JobDispatcher, "openReader" | "cancel">;
  readonly clock: Clock;
  readonly limits: TurnLimits;
  readonly log: Logger;
}

export interface Turn {
  readonly request: Pick<TurnRequest, "id" | "client" | "sessionId" | "digest">;
  readonly log: TurnLog;
  /** Resolves when the first job is accepted. @throws WaggleError if the request is refused; then the turn has ended */
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  /** Whether a call was sent and its result has not come. */
  readonly calling: boolean;
  /** Who has cancelled the turn, which may not have ended yet. */
  readonly cancelledBy: CancelledBy | undefined;
  cancel(by: CancelledBy): void;
  /** Called when a job of the turn's session is accepted: a job of a newer request ends the turn, which may have no job itself. */
  onSessionJob(ticket: number): void;
  openReader(after: number): TurnReader;
}

export function startTurn(options: TurnOptions): Turn {
  const { request, servers, consents, dispatcher, clock, limits } = options;
  const { id, client, sessionId } = request;
  const keys = { stream_id: id, ...(sessionId === undefined ? {} : { session_id: sessionId }) };
  const log = createTurnLog(keys);
  const tools = new Map(request.tools.map((tool) => [tool.functionName, tool]));
  const begun = deferred<void>();
  const stopping = new AbortController();
  const ends: EndEvent[] = [];
  const startedAt = clock.now();
  let job: Job | undefined;
  let cancelledBy: CancelledBy | undefined;
  let isLate = false;
  /** The ticket of the request; unknown until its first job is accepted. */
  let ticket = Infinity;
  let calling = false;
  let readers = 0;

  const timeLimitMs = Math.min(limits.timeoutMs, request.deadlineMs ?? Infinity);
  const timeLimit = clock.setTimeout(() => {
    isLate = true;
    stop("operator");
  }, timeLimitMs);
  let grace: TimerHandle | undefined;

  function stop(by: CancelledBy): void {
    if (job !== undefined) dispatcher.cancel(job, by);
    stopping.abort(new Error("The turn ends"));
  }

  function cancel(by: CancelledBy): void {
    cancelledBy = by === "client" ? by : (cancelledBy ?? by);
    stop(by);
  }

  async function runJob(step: number, input: StepInput): Promise<EndEvent> {
    const spec = await request.specOf(input);
    const left = Math.max(1, Math.round(timeLimitMs - (clock.now() - startedAt)));
    stopping.signal.throwIfAborted();
    const when = { ...spec.when, direct: false, onDisconnect: "cancel" as const, deadlineMs: left };
    job = await request.submit({ ...spec, when }, step);
    ticket = job.spec.who.ticket ?? ticket;
    if (stopping.signal.aborted) dispatcher.cancel(job, cancelledBy ?? "operator");
    begun.resolve();
    log.nextStep();
    const reader = dispatcher.openReader(job, -1, () => {});
    try {
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
        for (const event of next.value) {
          if (event.type === "end") return event;
          if (event.type === "error") throw new WaggleError(event.code, event.message, detailsOf(event));
          log.add(event);
        }
      }
    } finally {
      reader.close();
      job = undefined;
    }
    throw new Error("The stream of a job has ended without an end");
  }

  /** Runs the MCP calls of a message. @returns the messages with the results */
  async function runCalls(record: TurnRecord, step: number, calls: readonly ToolCall[]): Promise<readonly Message[]> {
    const messages: Message[] = [];
    for (const [index, call] of calls.entries()) {
      const tool = tools.get(call.function.name);
      if (tool === undefined) continue;
      const recorded = record.outcomeOf(`${step}.${index}`);
      const outcome = recorded ?? (await runCall(record, `${step}.${index}`, tool, call));
      const about = { call_id: call.id, server: tool.server, tool: tool.name };
      log.add({ type: "tool_result", ...keys, ...about, outcome: outcome.kind, text: outcome.text });
      messages.push({ role: "tool", tool_call_id: call.id, content: markedResult(tool, outcome) });
    }
    return messages;
  }

  async function runCall(record: TurnRecord, key: string, tool: ServerTool, call: ToolCall): Promise<CallOutcome> {
    const given = argumentsOf(call);
    if (given === undefined) return failedOutcome("failed", "The arguments are no JSON object. The call was not sent.");
    const about = { call_id: call.id, server: tool.server, tool: tool.name };
    const asked = { client, turn: id, call: call.id, conversation: sessionId, tool: tool.functionName };
    if (!tool.allowed && !consents.has(asked)) {
      log.add({ type: "tool_call", ...keys, ...about, state: "waits_for_consent" });
      if (!(await consents.ask(asked, stopping.signal))) {
        const refused = failedOutcome("refused", "The user refused this call. The call was not sent.");
        await keep(record, key, refused);
        return refused;
      }
    }
    stopping.signal.throwIfAborted();
    try {
      await record.willSend(key);
    } catch (error) {
      options.log.error({ err: error }, "mcp_journal_failed");
      const unsent = failedOutcome("failed", "The journal of calls cannot be written. The call was not sent.");
      // The model continues without the call, so a later try of the turn must not send it.
      await keep(record, key, unsent);
      return unsent;
    }
    if (stopping.signal.aborted) {
      const unsent = failedOutcome("failed", "The turn ended before the call was sent.");
      await keep(record, key, unsent);
      return unsent;
    }
    log.add({ type: "tool_call", ...keys, ...about, state: "running" });
    calling = true;
    try {
      const outcome = await servers.call(tool, given, { client: request.client, signal: stopping.signal });
      await keep(record, key, outcome);
      options.log.info({ job: id, server: tool.server, tool: tool.name, outcome: outcome.kind }, "mcp_call");
      return outcome;
    } finally {
      calling = false;
    }
  }

  async function keep(record: TurnRecord, key: string, outcome: CallOutcome): Promise<void> {
    await record.addResult(key, outcome).catch((error: unknown) => {
      options.log.error({ err: error }, "mcp_journal_failed");
    });
  }

  async function run(): Promise<EndEvent> {
    const record = await options.journal.begin(request);
    if (record === undefined) {
      throw new WaggleError("conflict", `Cannot accept the request: ${request.key} was used with a different request.`);
    }
    try {
      return await runSteps(record);
    } finally {
      record.release();
    }
  }

  /** A server of the recorded calls may be out of reach now. @throws WaggleError unavailable */
  function checkTools({ tool_calls: calls }: RecordedStep): void {
    for (const {
      function: { name },
    } of calls) {
      if (tools.has(name) || !servers.names.includes(name.split("__")[0] ?? "")) continue;
      throw new WaggleError("unavailable", `Cannot continue the turn: its MCP tool "${name}" cannot be used now.`);
    }
  }

  async function runSteps(record: TurnRecord): Promise<EndEvent> {
    const messages: Message[] = [];
    let step = 0;
    for (const message of record.steps) {
      checkTools(message);
      begun.resolve();
      log.nextStep();
      for (const event of stepEvents(message)) log.add({ ...event, ...keys });
      messages.push(messageOf(message), ...(await runCalls(record, step, message.tool_calls)));
      if (message.tool_calls.some((call) => !tools.has(call.function.name))) return recordedEnd(message);
      step += 1;
    }
    for (;;) {
      const choice = step === 0 ? "given" : step < limits.steps ? "later" : "none";
      const end = await runJob(step, { messages, choice });
      ends.push(end);
      const calls = callsIn(end);
      const own = calls.filter((call) => tools.has(call.function.name));
      if (own.length === 0 || end.message === undefined || stopping.signal.aborted) return end;
      const message = recordOf(end.message, calls);
      await record.addStep(message).catch((error: unknown) => {
        options.log.error({ err: error }, "mcp_journal_failed");
        throw new WaggleError(
          "resource_exhausted",
          "The journal of calls is full or cannot be written. No call was sent.",
        );
      });
      messages.push(messageOf(message), ...(await runCalls(record, step, calls)));
      // The client has to run the other calls.
      if (own.length < calls.length) return end;
      step += 1;
    }
  }

  async function toEnd(): Promise<void> {
    try {
      const end = await run();
      add(isLate ? errorEvent(lateness()) : turnEnd(end, ends, keys, clock.now() - startedAt));
    } catch (thrown) {
      if (!isLate && cancelledBy !== undefined) {
        add(turnEnd(cancelledEnd(cancelledBy), ends, keys, clock.now() - startedAt));
        begun.resolve();
        return;
      }
      const error = isLate ? lateness() : WaggleError.from(thrown);
      if (error.code === "internal") options.log.error({ err: error.cause ?? error }, "turn_failed");
      add(errorEvent(error));
      begun.reject(error);
    } finally {
      timeLimit.cancel();
      grace?.cancel();
    }
  }

  function add(event: StreamEvent): void {
    log.add({ ...event, ...keys });
  }

  function errorEvent({ code, message, retryable, details }: WaggleError): StreamEvent {
    return { type: "error", ...keys, code, message, retryable, ...(details === undefined ? {} : { details }) };
  }

  function lateness(): WaggleError {
    const seconds = Math.round(timeLimitMs / 1_000);
    const limit = timeLimitMs < limits.timeoutMs ? "deadline_ms" : "--mcp-turn-timeout";
    return new WaggleError(
      "deadline_exceeded",
      `The turn with its calls took longer than its limit of ${seconds} s (${limit}).`,
    );
  }

  function onLastGone(): void {
    if (request.onDisconnect === "continue" || log.terminal !== undefined) return;
    if (request.direct) cancel("disconnect");
    else grace = clock.setTimeout(() => cancel("disconnect"), limits.reconnectGraceMs);
  }

  function onBegun(): void {
    if (request.onDisconnect === "continue" || log.terminal !== undefined || readers > 0) return;
    grace = clock.setTimeout(() => cancel("unclaimed"), limits.reconnectGraceMs);
  }

  // A refused turn has its error in `begun`.
  begun.promise.then(onBegun, () => {});
  return {
    request,
    log,
    begun: begun.promise,
    ended: toEnd(),
    get calling() {
      return calling;
    },
    get cancelledBy() {
      return cancelledBy;
    },
    cancel,
    onSessionJob(other) {
      if (other > ticket) cancel("superseded");
    },
    openReader(after) {
      readers += 1;
      grace?.cancel();
      const onClose = (): void => {
        readers -= 1;
        if (readers === 0) onLastGone();
      };
      return createTurnReader(log, after, { clock, pingIntervalMs: limits.pingIntervalMs, onClose });
    },
  };
}

function detailsOf({ details }: { readonly details?: Record<string, unknown> | undefined }): {
  details?: Record<string, unknown>;
} {
  return details === undefined ? {} : { details };
}
