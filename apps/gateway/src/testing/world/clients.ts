// Owns the clients of a simulated fleet. Each asks gateways as its habit is, reads its answer, and notes what it got.
import type { Clock } from "@waggle/async";
import type { Work } from "@waggle/engine";
import { BrokenError } from "@waggle/fleet/testing";
import type { Job, JobSpec } from "@waggle/jobs";
import { isTerminal, WaggleError, type ErrorEvent, type StreamEvent } from "@waggle/protocol";
import type { GatewayJobs } from "../../gateway-jobs.ts";
import { modelName, type SimulatedGateway } from "./members.ts";
import { tokenText } from "./model.ts";
import type { ClientPlan, Habit } from "./schedule.ts";

export interface Answer {
  /** For example `length`, `cancelled client`, `error unavailable`, `left`, `refused conflict`; undefined while the client waits. */
  outcome: string | undefined;
  message: string;
  /** Number of events with output, over all choices. */
  tokens: number;
  acceptedAt: number | undefined;
  endedAt: number | undefined;
  /** When a gateway cancelled its job. */
  cancelledAt: number | undefined;
  /** How often the client asked again. */
  retries: number;
  /** Numbers of the gateways that it asked. */
  readonly gateways: Set<number>;
}

export interface SimulatedClient {
  readonly plan: ClientPlan;
  readonly answer: Answer;
}

export interface ClientWorld {
  readonly clock: Clock;
  /** The gateways that accept connections now. */
  readonly gateways: () => readonly { readonly number: number; readonly member: SimulatedGateway }[];
  readonly note: (line: string) => void;
  readonly fault: (message: string) => void;
}

/** Pause before a client asks again. */
const retryMs = 500;
/** A slow client waits this long before each batch. */
const slowMs = 700;
/** All clients have one name, so they share sessions and job ids. */
export const clientName = "someone";

export const idOf = ({ habit, name, number }: ClientPlan): string =>
  habit === "same id" || habit === "other body" ? (name ?? "") : `c${number}`;

const beginning = "x".repeat(2_000);

const promptOf = ({ habit, number, name, follows }: ClientPlan): string =>
  habit === "same id" ? (name ?? "") : `${follows ? beginning : ""}${habit} ${number}`;

export const digestOf = (plan: ClientPlan): string => `${promptOf(plan)} ${plan.seed} ${plan.tokens}`;

/** Whether no later request can read the job's answer. */
export const isDirect = ({ habit }: ClientPlan): boolean =>
  habit === "two choices" || habit === "whole" || hasVectors(habit);

/** Whether the answer of such a client is vectors. */
export function hasVectors(habit: Habit): boolean {
  return habit === "embed" || habit === "decide";
}

function specOf(plan: ClientPlan, attempt: number): JobSpec & { readonly id: string } {
  const { habit, name } = plan;
  const direct = isDirect(plan);
  const id = direct ? `${idOf(plan)}.${attempt}` : idOf(plan);
  return {
    id,
    model: modelName,
    who: {
      client: clientName,
      sessionId: habit === "session" ? name : undefined,
      trace: id,
      requestDigest: digestOf(plan),
    },
    when: {
      priority: plan.priority,
      onDisconnect: habit === "continue" ? "continue" : "cancel",
      direct,
      resumable: !direct,
      deadlineMs: habit === "deadline" ? plan.afterMs + 1 : undefined,
    },
    work: workOf(plan),
  };
}

function workOf(plan: ClientPlan): Work {
  const { habit, tokens, seed } = plan;
  const texts = Array.from({ length: tokens }, (_, index) => `text ${index}`);
  switch (habit) {
    case "embed":
      return { kind: "embed", texts };
    case "decide": {
      const readings = texts.map((text) => ({ content: [{ type: "text", text } as const], options: [], ends: false }));
      return { kind: "decide", state: { messages: [] }, readings };
    }
    default:
      return {
        kind: "generate",
        prompt: { kind: "text", text: promptOf(plan) },
        choices: habit === "two choices" ? 2 : 1,
        sampling: { temperature: 0, seed } as never,
        stop: [],
        maxTokens: tokens,
      };
  }
}

/** Starts the client at its time. */
export function startClient(world: ClientWorld, plan: ClientPlan): SimulatedClient {
  const { clock, note, fault } = world;
  const answer: Answer = {
    outcome: undefined,
    message: "",
    tokens: 0,
    acceptedAt: undefined,
    endedAt: undefined,
    cancelledAt: undefined,
    retries: 0,
    gateways: new Set(),
  };
  const me = `client ${plan.number} (${plan.habit})`;
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
  /** The next index of each choice. */
  const next = [0, 0];
  let at = plan.gateway;
  let leaves: (() => void) | undefined;

  function end(outcome: string, message = ""): void {
    if (answer.outcome !== undefined) return fault(`${me} gets a second end: ${outcome} after ${answer.outcome}`);
    answer.outcome = outcome;
    answer.message = message;
    answer.endedAt = clock.now();
    note(`${me}: ${outcome} after ${answer.tokens} events ${message}`);
  }

  function take(event: StreamEvent): void {
    if (answer.outcome !== undefined) return fault(`${me} gets ${event.type} after its end`);
    if (event.type === "token") takeToken(event);
    if (event.type === "end")
      end(event.finish_reason === "cancelled" ? `cancelled ${event.cancelled_by}` : event.finish_reason);
    if (event.type === "error") takeError(event);
  }

  function takeError({ code, message }: ErrorEvent): void {
    end(`error ${code}`, message);
  }

  function takeToken({ index, text, choice = 0 }: Extract<StreamEvent, { type: "token" }>): void {
    // The stream of a job counts the tokens of all choices; each choice has its own text.
    const mine = next[choice] ?? 0;
    if (plan.habit !== "two choices" && index !== mine) return fault(`${me} gets token ${index} instead of ${mine}`);
    const wanted = tokenText(promptOf(plan), plan.seed + choice, mine);
    if (text !== wanted) fault(`${me} gets "${text}" as token ${mine} instead of "${wanted}"`);
    next[choice] = mine + 1;
    answer.tokens += 1;
  }

  /** @returns undefined if the connection broke, or what the server refused */
  async function ask(attempt: number): Promise<WaggleError | "done" | undefined> {
    const gateways = world.gateways();
    const { number, member: gateway } = gateways[at % gateways.length] ?? {};
    at += 1;
    if (gateway === undefined || number === undefined) return undefined;
    answer.gateways.add(number);
    try {
      await gateway.process.call(async () => await read(gateway, attempt));
      return answer.outcome === undefined ? undefined : "done";
    } catch (error) {
      if (error instanceof BrokenError) return undefined;
      return WaggleError.from(error);
    }
  }

  async function read(gateway: SimulatedGateway, attempt: number): Promise<void> {
    const { jobs } = gateway;
    const spec = specOf(plan, attempt);
    // A careless client repeats its request: another request may have its id.
    const isKnown = answer.acceptedAt !== undefined && !isDirect(plan) && plan.habit !== "other body";
    const hasLeft = (): boolean => answer.outcome !== undefined;
    const job = isKnown ? await find(jobs, spec.id) : await submit(jobs, spec, hasLeft);
    answer.acceptedAt ??= clock.now();
    const reader = jobs.models.dispatcher.openReader(job, (next[0] ?? 0) - 1, () => {});
    if (hasLeft()) return reader.close();
    leaves = () => gateway.process.run(() => reader.close());
    for (let batch = await reader.next(); batch.done !== true; batch = await reader.next()) {
      for (const event of batch.value) {
        if (event.type === "token" && answer.outcome === undefined) take(event);
        else if (isTerminal(event)) take(event);
      }
      if (batch.value.some(isTerminal)) break;
      if (plan.habit === "slow")
        await new Promise<void>((resolve) => gateway.process.clock.setTimeout(resolve, slowMs));
    }
    reader.close();
    if (hasVectors(plan.habit) && answer.outcome === "length") checkVectors(job.vectors);
  }

  /** The model's vectors are the indexes of their texts or readings. */
  function checkVectors(vectors: Job["vectors"]): void {
    const wanted = Array.from({ length: plan.tokens }, (_, index) => index);
    if (vectors.flat().join(" ") !== wanted.join(" ")) fault(`${me} gets the vectors ${vectors.join(" ")}`);
  }

  async function run(): Promise<void> {
    for (let attempt = 0; answer.outcome === undefined; attempt += 1) {
      const result = await ask(attempt);
      if (answer.outcome !== undefined || result === "done") return;
      if (result !== undefined && !isTransient(result)) return end(`refused ${result.code}`, result.message);
      if (isDirect(plan)) {
        next.fill(0);
        answer.tokens = 0;
      }
      answer.retries += 1;
      await wait(retryMs);
    }
  }

  function leave(): void {
    if (answer.outcome !== undefined) return;
    end("left");
    leaves?.();
  }

  clock.setTimeout(() => void run(), plan.atMs);
  if (plan.habit === "leave") clock.setTimeout(leave, plan.atMs + plan.afterMs);
  if (plan.habit === "leave and resume") clock.setTimeout(() => leaves?.(), plan.atMs + plan.afterMs);
  if (plan.habit === "cancel") clock.setTimeout(() => void cancel(), plan.atMs + plan.afterMs);

  /** Cancels at another gateway; a cancel that fails is not repeated. */
  async function cancel(): Promise<void> {
    const gateways = world.gateways();
    const gateway = gateways[(plan.gateway + 1) % gateways.length]?.member;
    if (gateway === undefined || answer.acceptedAt === undefined) return;
    note(`${me} cancels`);
    await gateway.process
      .call(async () => {
        const job = await find(gateway.jobs, idOf(plan));
        gateway.jobs.models.dispatcher.cancel(job, "client");
        answer.cancelledAt = clock.now();
      })
      .catch(() => {});
  }

  return { plan, answer };
}

/** As the front does with a request that names its job. @throws WaggleError */
async function submit(
  gateway: GatewayJobs,
  spec: JobSpec & { readonly id: string },
  hasLeft: () => boolean,
  again = true,
): Promise<Job> {
  const { models, registry, finder } = gateway;
  try {
    return await models.dispatcher.submit(spec, { hasLeft });
  } catch (error) {
    if (WaggleError.from(error).code !== "conflict") throw error;
    const { requestDigest } = spec.who;
    const here = registry.get(clientName, spec.id);
    const job = here ?? (await finder.join(clientName, spec.id, requestDigest));
    if (job !== undefined && job.spec.who.requestDigest === requestDigest) return job;
    if (again) return await submit(gateway, spec, hasLeft, false);
    throw error;
  }
}

/** As the front does with a request for a stream. @throws WaggleError */
async function find({ registry, finder }: GatewayJobs, id: string): Promise<Job> {
  const job = registry.get(clientName, id) ?? (await finder.find(clientName, id));
  if (job === undefined) throw new WaggleError("not_found", `There is no job ${id}.`);
  return job;
}

/** As clients do: they ask again after 429 and 503. */
function isTransient({ code }: WaggleError): boolean {
  return code === "resource_exhausted" || code === "unavailable";
}
