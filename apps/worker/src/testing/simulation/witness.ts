// Observes one job: checks every event of its stream as it is written. It never changes the job.
import { createHash } from "node:crypto";
import { StreamEventSchema } from "@waggle/protocol";
import type { StreamEvent, TokenEvent } from "@waggle/protocol";
import type { Job } from "@waggle/jobs";
import { outcomeReason, stateNameOf, jobStatus } from "@waggle/jobs";
import { promptTokens, soloText, soloVectors, stoppedText } from "./request.ts";
import type { SimulatedRequest } from "./request.ts";
import { createSteps } from "./script.ts";

/** A reason why a job ends early. A job must end for a reason that the schedule has given it, or finish normally. */
export type Reason =
  | "client"
  | "superseded"
  | "disconnect"
  | "operator"
  | "unclaimed"
  | "deadline_exceeded"
  | "engine_failed"
  | "unavailable"
  | "invalid_argument";

export interface Witness {
  readonly job: Job;
  readonly request: SimulatedRequest;
  /** Number of the accepted job, counted from 1. */
  readonly number: number;
  readonly reasons: Set<Reason>;
  /** Number of readers that the schedule holds open. */
  readers: number;
  /** When the last reader left; undefined while a reader is open, and before the first. */
  readersGoneAt: number | undefined;
  /** Whether the last reader left while the prompt was computed. */
  leftInPrefill: boolean;
  everRead: boolean;
  readonly tokens: readonly TokenEvent[];
  /** The events of starts and calls, each with the index of the token event after it. */
  readonly marks: readonly { readonly event: StreamEvent; readonly at: number }[];
  /** Number of messages that an earlier try has recorded. */
  readonly recorded: number;
  /** Whether the job ever got a slot. */
  readonly ran: boolean;
  /** The client has cancelled the ended job: its request does not continue it. */
  givenUp: boolean;
  /** The job's outcome, for example `finished stop`, `cancelled client` or `failed deadline_exceeded`; undefined until the job has ended. */
  readonly outcome: string | undefined;
  /** How often the job was parked. */
  readonly parks: number;
  /** Checks the job's whole stream, at the end of the simulation. */
  conclude(contextSize: number): void;
}

export function createWitness(
  job: Job,
  request: SimulatedRequest,
  number: number,
  fault: (message: string) => void,
): Witness {
  const { log } = job;
  const recorded = job.spec.calls?.recorded.length ?? 0;
  const tokens: TokenEvent[] = [];
  const reasons = new Set<Reason>();
  const marks: Witness["marks"][number][] = [];
  let waiting = log.waiting?.number ?? 0;
  /** The start of the present step. */
  let started: StreamEvent | undefined;
  let step = { index: 0, firstToken: 0 };
  let terminal: StreamEvent | undefined;
  let outcome: string | undefined;
  let lastStatus = "";
  let parks = 0;

  const accuse = (message: string): void => fault(`job ${number} (${job.uid}): ${message}`);
  const steps = request.mcp_tools === undefined ? undefined : createSteps(job, request.prompt, accuse);

  function take(event: StreamEvent): void {
    const { index } = job.state.step;
    if (index !== step.index) {
      step = { index, firstToken: tokens.length };
      started = undefined;
    }
    if (event.type === "started") {
      if (started !== undefined) accuse("started twice");
      started = event;
    }
    if (["started", "tool_call", "tool_result"].includes(event.type)) marks.push({ event, at: log.nextToken });
    steps?.take(event);
    check();
  }

  function check(): void {
    if (terminal !== undefined) accuse("its stream continues after its end");
    if ((log.waiting?.number ?? 0) > waiting) {
      waiting = log.waiting?.number ?? 0;
      const event = log.waiting?.event;
      if (started !== undefined && event?.type === "queued") accuse("is queued after it started");
      if (event?.type === "status" && event.status === "parked") {
        parks += 1;
        if (started === undefined) accuse("is parked before it started");
      }
    }
    if (log.nextToken > tokens.length) takeTokens();
    if (log.terminal !== undefined) takeEnd(log.terminal);
  }

  function takeTokens(): void {
    if (started === undefined && step.index >= recorded) accuse("has tokens before it started");
    for (const token of log.tokensFrom(tokens.length, Infinity)) {
      if (token.index !== tokens.length) accuse(`token ${token.index} where ${tokens.length} was due`);
      const { t_ms: beforeMs = 0 } = tokens.slice(step.firstToken).at(-1) ?? {};
      if (token.t_ms < beforeMs)
        accuse(`token ${token.index} came ${beforeMs - token.t_ms} ms before the one before it`);
      tokens.push(token);
    }
  }

  function takeEnd(event: StreamEvent): void {
    terminal = event;
    const { phase } = job.state;
    if (phase.name !== "ended") return accuse(`its stream has ended and it is ${phase.name}`);
    outcome = `${phase.outcome.type} ${outcomeReason(phase.outcome)}`;
    lastStatus = JSON.stringify(jobStatus(job, undefined));
    const parsed = StreamEventSchema.safeParse(event);
    if (!parsed.success) accuse(`its terminal event breaks the schema: ${parsed.error.message}`);
  }

  function conclude(contextSize: number): void {
    if (outcome === undefined) return accuse(`never ended: ${job.state.phase.name}`);
    if (lastStatus !== JSON.stringify(jobStatus(job, undefined))) {
      accuse(`changed after its end from ${lastStatus} to ${JSON.stringify(jobStatus(job, undefined))}`);
    }
    const text = tokens.map((token) => token.text).join("");
    if (request.questions === undefined) checkReceipts(steps?.texts ?? [text]);
    steps?.conclude(outcome);
    const isFinished = stateNameOf(job.state) === "finished";
    const reason = outcome.split(" ")[1] as Reason;
    const rowFailed = reason === "engine_failed" && request.prompt.includes("[fail:");
    if (!isFinished && !rowFailed && !reasons.has(reason))
      accuse(`ended with "${outcome}", for which there was no reason (${[...reasons].join()})`);
    if (steps !== undefined) return;
    if (request.questions !== undefined) return concludeDecision(isFinished);
    if (isFinished) return concludeFinished(text, contextSize);
    const whole = soloText(request, contextSize);
    const soFar = soloText(request, job.state.counts.completionTokens);
    if (!whole.startsWith(text) && !soFar.startsWith(text))
      accuse(`has the text "${text}", which is no beginning of "${whole}"`);
  }

  function concludeDecision(isFinished: boolean): void {
    if (tokens.length > 0) accuse("is a decide job with tokens");
    const due = soloVectors(request);
    const isRight = (index: number): boolean =>
      due[index]?.every((score, option) => Math.abs(score - (job.vectors[index]?.[option] ?? 0)) < 1e-6) === true;
    const read = isFinished ? due.length : job.vectors.length;
    for (let index = 0; index < read; index += 1)
      if (!isRight(index)) accuse(`has the scores ${job.vectors[index]?.join()} instead of ${due[index]?.join()}`);
  }

  /** A recorded message has no receipt. @param texts those of the steps */
  function checkReceipts(texts: readonly string[]): void {
    if (terminal?.type !== "end") return;
    const { receipt, receipts = receipt === undefined ? [] : [{ step: 0, ...receipt }] } = terminal;
    for (const [index, text] of texts.entries()) {
      const given = receipts.find(({ step: of }) => of === index);
      if (given === undefined && index < recorded) continue;
      const due = createHash("sha256").update(text).digest("hex");
      if (given?.text_sha256 !== due) accuse(`the receipt of step ${index} is of another text`);
    }
  }

  function concludeFinished(text: string, contextSize: number): void {
    const { completionTokens } = job.state.counts;
    const due = stoppedText(request, completionTokens);
    if (text !== due) accuse(`has the text "${text}" instead of "${due}"`);
    const full = completionTokens === request.max_tokens || promptTokens(request) + completionTokens >= contextSize;
    if (outcome === "finished length" && !full) accuse(`ran out of room after ${completionTokens} tokens`);
    const eog = /\[eog:(\d+)\]/.exec(request.prompt)?.[1];
    const ended =
      (eog !== undefined && completionTokens === Number(eog) + 1) || due !== soloText(request, completionTokens);
    if (outcome === "finished stop" && !ended) accuse(`stopped after ${completionTokens} tokens`);
  }

  log.subscribe(take);
  check();
  return {
    job,
    request,
    number,
    reasons,
    readers: 0,
    readersGoneAt: undefined,
    leftInPrefill: false,
    everRead: false,
    tokens,
    marks,
    recorded,
    get ran() {
      return marks.some(({ event }) => event.type === "started");
    },
    givenUp: false,
    get outcome() {
      return outcome;
    },
    get parks() {
      return parks;
    },
    conclude,
  };
}
