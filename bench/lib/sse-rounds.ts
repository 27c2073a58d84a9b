// Opens all streams of a round before their first token, at the daemon or the bare server. The streams are either many readers of few jobs,
// or many jobs of which few run at a time.
import { inLanes, send, times, type Request, type Worker } from "@waggle/testing/harness";
import { DONE } from "@waggle/protocol";
import type { BareSetup } from "./bare-server.ts";

export interface Scenario {
  readonly name: string;
  /** Number of jobs, each read by the same number of streams; undefined when each stream has a separate job. */
  readonly jobs: number | undefined;
  /** Tokens of each stream. */
  readonly tokens: number;
  readonly stepDelayMs: number;
  /** Streams that the bare server runs at the same time. */
  readonly bareSlots: number;
}

/** The largest number of slots of a worker. */
const slots = 64;
const sharedJobs = 50;
/** Longer than a round. */
const plugTokens = 1_000_000;
/** Connections opened at the same time: fewer than the backlog of a listening socket. */
const openingAtOnce = 100;

export function scenariosOf(streams: number): readonly Scenario[] {
  const shared = { jobs: sharedJobs, tokens: 60, stepDelayMs: 100, bareSlots: streams };
  const own = { jobs: undefined, tokens: 40, stepDelayMs: 10, bareSlots: slots };
  return [
    { name: `${streams} readers of ${sharedJobs} running jobs`, ...shared },
    { name: `${streams} jobs, ${slots} running, the others queued`, ...own },
  ];
}

export function flagsOf({ stepDelayMs }: Scenario, streams: number): readonly string[] {
  const room = String(streams + 2 * slots);
  return [
    ...["--backend", "fake", "--slots", String(slots), "--fake-step-delay", String(stepDelayMs)],
    ...["--queue-capacity", room, "--max-connections", room, "--max-streams-per-client", room],
    ...["--context-size", "2000000"],
  ];
}

/** The streams of a round, and the function that starts their tokens. */
export interface Round {
  readonly requests: readonly Request[];
  start(): Promise<unknown>;
}

/** Fills all slots with jobs without a reader. `start` cancels these jobs, so that the round's jobs run. */
export async function daemonRound({ jobs, tokens }: Scenario, streams: number, worker: Worker): Promise<Round> {
  const { client, url } = worker;
  const plugs = await times(slots, () => client.createJob(requestFor(plugTokens)));
  const start = (): Promise<unknown> => Promise.all(plugs.map(({ job_id: id }) => client.cancelJob(id)));
  if (jobs === undefined) return { requests: inferences(url, streams, tokens), start };
  const accepted = await times(jobs, () => client.createJob(requestFor(tokens)));
  const paths = accepted.map((job) => job.sse_url);
  return { requests: Array.from({ length: streams }, (_, i) => ({ url: `${url}${paths[i % jobs]}` })), start };
}

export function bareRound({ tokens }: Scenario, streams: number, url: string): Round {
  return { requests: inferences(url, streams, tokens), start: () => fetch(`${url}/start`, { method: "POST" }) };
}

function inferences(url: string, streams: number, tokens: number): Request[] {
  return Array<Request>(streams).fill({ url: `${url}/v1/inference`, body: requestFor(tokens) });
}

/** A request that runs to max_tokens, with or without a reader. */
function requestFor(tokens: number) {
  return { prompt: "Tell a story.", temperature: 0, max_tokens: tokens, on_disconnect: "continue" } as const;
}

/** Counts of the events that reached the readers. */
export interface Tally {
  /** Token events. */
  tokens: number;
  /** Streams that ended with [DONE]. */
  done: number;
}

/** Resolves when every stream has its headers; `over` resolves when every stream has ended. */
export async function openReaders(requests: readonly Request[]): Promise<{ readonly over: Promise<Tally> }> {
  const tally: Tally = { tokens: 0, done: 0 };
  const answers = await inLanes(openingAtOnce, requests, send);
  const streams = answers.map((answer) =>
    answer.frames({
      onFrame({ event, data }) {
        if (event === "token") tally.tokens += 1;
        if (data === DONE) tally.done += 1;
      },
    }),
  );
  return { over: Promise.all(streams.map(({ over }) => over)).then(() => tally) };
}

/** Records one stream of the daemon, for the bare server to repeat. */
export async function record(url: string, { tokens, bareSlots, stepDelayMs }: Scenario): Promise<BareSetup> {
  const answer = await send({ url: `${url}/v1/inference`, body: requestFor(tokens) });
  const frames = (await answer.text()).split(/(?<=\n\n)/);
  const isToken = (frame: string): boolean => frame.includes("\nevent: token\n");
  const setup = {
    before: frames.slice(0, frames.findIndex(isToken)).join(""),
    tokens: frames.filter(isToken),
    after: frames.slice(frames.findLastIndex(isToken) + 1).join(""),
  };
  const whole = setup.tokens.length === tokens && setup.after.includes(DONE);
  if (!whole) throw new Error("Cannot record a stream: it is incomplete");
  return { ...setup, slots: bareSlots, stepDelayMs };
}
