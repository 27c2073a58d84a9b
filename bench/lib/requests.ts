// Owns what is asked of the two servers, so that every stream is connected before the first token flows.
import type { Crowd, Recording } from "./messages.ts";
import type { Scenario } from "./scenarios.ts";

/** Longer than anybody waits for it. */
const plugTokens = 1_000_000;

/** A round's connections, and what lets their tokens flow. */
export interface Round {
  readonly crowds: readonly Crowd[];
  start(): Promise<void>;
}

/** All slots are taken by jobs that nobody reads; the round starts when they are cancelled. */
export async function daemonRound(scenario: Scenario, port: number): Promise<Round> {
  const { jobs, streams, tokens, slots } = scenario;
  const plugs = await Promise.all(Array.from({ length: slots }, () => createJob(port, plugTokens)));
  const crowds: Crowd[] = [];
  if (jobs === undefined) crowds.push({ count: streams, request: post(port, requestFor(tokens)) });
  for (let index = 0; index < (jobs ?? 0); index += 1) {
    const count = Math.floor(streams / (jobs ?? 1)) + (index < streams % (jobs ?? 1) ? 1 : 0);
    const { sse_url: path } = await createJob(port, tokens);
    crowds.push({ count, request: `GET ${path} HTTP/1.1\r\n${headers(port)}\r\n` });
  }
  return {
    crowds,
    async start() {
      await Promise.all(plugs.map(({ job_id: id }) => fetch(`${base(port)}/v1/jobs/${id}`, { method: "DELETE" })));
    },
  };
}

export function bareRound({ streams, tokens }: Scenario, port: number): Round {
  return {
    crowds: [{ count: streams, request: post(port, requestFor(tokens)) }],
    async start() {
      await fetch(`${base(port)}/start`, { method: "POST" });
    },
  };
}

/** What one stream of the daemon says, for the bare server to repeat. */
export async function record(port: number, tokens: number): Promise<Recording> {
  const body = JSON.stringify(requestFor(tokens));
  const response = await fetch(`${base(port)}/v1/inference`, { method: "POST", body });
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
function requestFor(tokens: number): object {
  return { prompt: "Tell a story.", temperature: 0, max_tokens: tokens, on_disconnect: "continue" };
}

async function createJob(port: number, tokens: number): Promise<{ job_id: string; sse_url: string }> {
  const body = JSON.stringify(requestFor(tokens));
  const response = await fetch(`${base(port)}/v1/jobs`, { method: "POST", body });
  if (response.status !== 202) throw new Error(`Cannot create a job: ${await response.text()}`);
  return (await response.json()) as { job_id: string; sse_url: string };
}

function post(port: number, request: object): string {
  const body = JSON.stringify(request);
  return `POST /v1/inference HTTP/1.1\r\n${headers(port)}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function headers(port: number): string {
  return `Host: 127.0.0.1:${port}\r\nConnection: close\r\n`;
}

function base(port: number): string {
  return `http://127.0.0.1:${port}`;
}
