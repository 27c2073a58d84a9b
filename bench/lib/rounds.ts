// Owns what is asked of the two servers, so that every stream is connected before the first token flows. A thousand streams can be many
// readers of few jobs, or many jobs of which few run.
import { times, type Worker } from "@waggle/harness";
import type { Recording } from "./bare-server.ts";
import type { Crowd } from "./readers.ts";

export interface Scenario {
  readonly name: string;
  /** Jobs that the streams read, evenly; undefined when each stream is a job of its own. */
  readonly jobs: number | undefined;
  /** Of each stream. */
  readonly tokens: number;
  readonly stepDelayMs: number;
  /** Streams that the bare server runs at the same time. */
  readonly bareSlots: number;
}

/** The most that a worker has. */
const slots = 64;
const sharedJobs = 50;
/** Longer than anybody waits for it. */
const plugTokens = 1_000_000;

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

/** A round's connections, and what lets their tokens flow. */
export interface Round {
  readonly crowds: readonly Crowd[];
  start(): Promise<unknown>;
}

/** All slots are taken by jobs that nobody reads; the round starts when they are cancelled. */
export async function daemonRound({ jobs, tokens }: Scenario, streams: number, worker: Worker): Promise<Round> {
  const { client, url } = worker;
  const plugs = await times(slots, () => client.createJob(requestFor(plugTokens)));
  const start = (): Promise<unknown> => Promise.all(plugs.map(({ job_id: id }) => client.cancelJob(id)));
  if (jobs === undefined) return { crowds: [{ count: streams, request: post(url, tokens) }], start };
  const crowds: Crowd[] = [];
  for (let index = 0; index < jobs; index += 1) {
    const count = Math.floor(streams / jobs) + (index < streams % jobs ? 1 : 0);
    const { sse_url: path } = await client.createJob(requestFor(tokens));
    crowds.push({ count, request: `GET ${path} HTTP/1.1\r\n${headers(url)}\r\n` });
  }
  return { crowds, start };
}

export function bareRound({ tokens }: Scenario, streams: number, url: string): Round {
  const start = (): Promise<unknown> => fetch(`${url}/start`, { method: "POST" });
  return { crowds: [{ count: streams, request: post(url, tokens) }], start };
}

/** What one stream of the daemon says, for the bare server to repeat. */
export async function record(url: string, tokens: number): Promise<Recording> {
  const response = await fetch(`${url}/v1/inference`, { method: "POST", body: JSON.stringify(requestFor(tokens)) });
  const frames = (await response.text()).split(/(?<=\n\n)/);
  const isToken = (frame: string): boolean => frame.includes("\nevent: token\n");
  const recording = {
    before: frames.slice(0, frames.findIndex(isToken)).join(""),
    tokens: frames.filter(isToken),
    after: frames.slice(frames.findLastIndex(isToken) + 1).join(""),
  };
  const whole = recording.tokens.length === tokens && recording.after.includes("[DONE]");
  if (!whole) throw new Error("Cannot record a stream: it is not whole");
  return recording;
}

/** Runs to max_tokens, whoever reads. */
function requestFor(tokens: number) {
  return { prompt: "Tell a story.", temperature: 0, max_tokens: tokens, on_disconnect: "continue" } as const;
}

function post(url: string, tokens: number): string {
  const body = JSON.stringify(requestFor(tokens));
  return `POST /v1/inference HTTP/1.1\r\n${headers(url)}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function headers(url: string): string {
  return `Host: ${new URL(url).host}\r\nConnection: close\r\n`;
}
