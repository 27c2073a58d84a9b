// Owns one request under load: sends it, stamps each token's arrival, and counts nothing that the server can count itself.
import { setMaxListeners } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import type { FrameNews, LoadRequest } from "./dialects.ts";
import { createFrameCutter } from "./frames.ts";
import type { Target } from "./target.ts";

/** Times are in milliseconds of this process's clock. */
export interface Answer {
  readonly sentAt: number;
  /** One for each frame with text, at the moment its bytes were read. */
  readonly arrivals: readonly number[];
  readonly text: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface LoadClient {
  /** @throws Error when the server refuses, breaks off, is silent too long, or generates another number of tokens */
  generate(target: Target, wanted: LoadRequest, onArrival?: (count: number) => void): Promise<Answer>;
  close(): void;
}

const silenceLimitMs = 120_000;
const errorCharsLimit = 500;

/** @param signal ends every request */
export function createLoadClient(signal: AbortSignal): LoadClient {
  // A connection for each request: servers close idle ones whenever they like, also under the next request.
  // Every request listens to it; that many are no leak.
  setMaxListeners(0, signal);
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

  return {
    generate(target, wanted, onArrival) {
      return new Promise((resolve, reject) => {
        const fail = (reason: string): void => reject(new Error(`Cannot measure ${target.name}: ${reason}`));
        const body = JSON.stringify(target.dialect.body(wanted));
        const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
        const options = { method: "POST", headers, agent, signal, timeout: silenceLimitMs };
        const sentAt = performance.now();
        const outgoing = request(`${target.url}${target.dialect.path}`, options, (incoming) => {
          if (incoming.statusCode !== 200) return void refusal(incoming).then(fail, fail);
          receive(
            incoming,
            target,
            (news) => {
              if (news.error !== undefined) fail(news.error);
              else if (news.completionTokens !== wanted.maxTokens) {
                fail(`${news.completionTokens} tokens were generated where ${wanted.maxTokens} were asked for`);
              } else resolve({ sentAt, ...news, completionTokens: news.completionTokens });
            },
            onArrival,
          );
        });
        outgoing.on("timeout", () => outgoing.destroy(new Error(`nothing came for ${silenceLimitMs / 1_000} s`)));
        outgoing.on("error", (error) => (signal.aborted ? reject(signal.reason as Error) : fail(error.message)));
        outgoing.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}

interface Received extends Omit<Answer, "sentAt" | "completionTokens"> {
  readonly completionTokens: number | undefined;
  readonly error?: string;
}

function receive(
  incoming: IncomingMessage,
  { dialect }: Target,
  onEnd: (received: Received) => void,
  onArrival?: (count: number) => void,
): void {
  const arrivals: number[] = [];
  const text: string[] = [];
  let counts: FrameNews = {};
  let error: string | undefined;
  let now = 0;
  const cutter = createFrameCutter((data) => {
    if (data === "[DONE]") return;
    const news = dialect.read(JSON.parse(data));
    if (news.text === undefined) counts = { ...counts, ...news };
    else {
      if (news.completionTokens !== undefined) counts = { ...counts, ...news };
      arrivals.push(now);
      text.push(news.text);
      onArrival?.(arrivals.length);
    }
  });
  const end = (): void =>
    onEnd({
      arrivals,
      text: text.join(""),
      promptTokens: counts.promptTokens ?? 0,
      cachedTokens: counts.cachedTokens ?? 0,
      completionTokens: counts.completionTokens,
      ...(counts.error === undefined && error === undefined ? {} : { error: counts.error ?? error ?? "" }),
    });
  incoming.on("data", (chunk: Buffer) => {
    now = performance.now();
    try {
      cutter.push(chunk);
    } catch (cause) {
      error = (cause as Error).message;
      incoming.destroy();
    }
  });
  incoming.on("end", end);
  incoming.on("error", (cause) => {
    error ??= cause.message;
    end();
  });
}

async function refusal(incoming: IncomingMessage): Promise<string> {
  let body = "";
  incoming.setEncoding("utf8");
  for await (const part of incoming) body = (body + String(part)).slice(0, errorCharsLimit);
  return `it answered ${incoming.statusCode}: ${body}`;
}
