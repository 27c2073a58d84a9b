// Makes lines of chat completions, and has them answered: as a batch, or by clients that ask for one line after the other.
import { sleep } from "@waggle/async";
import { inLanes, RefusedError, send, sum } from "@waggle/testing/harness";
import type { Server } from "../lib/servers.ts";

/** Body of a request. */
export type Line = Readonly<Record<string, unknown>>;

export interface Answered {
  readonly ms: number;
  readonly tokens: number;
  readonly lines: number;
}

const limitMs = 7_200_000;
const askAgainMs = 250;

/** Greedy, and as many tokens as asked for, at both servers. */
export function lineOf(system: string | undefined, user: string, maxTokens: number): Line {
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    { role: "user", content: user },
  ];
  return { messages, max_tokens: maxTokens, temperature: 0, ignore_eos: true, repetition_limit: 0 };
}

/** @throws Error when the server refuses a line */
export async function askByClients({ url }: Server, lines: readonly Line[], clients: number): Promise<Answered> {
  const from = performance.now();
  const tokens = await inLanes(clients, lines, async (line) => {
    const answer = await send({ url: `${url}/v1/chat/completions`, body: line, silenceMs: limitMs });
    const text = await answer.text();
    if (answer.status !== 200) throw new RefusedError(answer.status, text);
    return (JSON.parse(text) as { readonly usage: { readonly completion_tokens: number } }).usage.completion_tokens;
  });
  return { ms: performance.now() - from, tokens: sum(tokens), lines: lines.length };
}

export interface RunningBatch {
  /** Completed lines per second since the creation. */
  rate(): Promise<number>;
  /** @throws Error when a line failed */
  ended(): Promise<Answered>;
  cancel(): Promise<void>;
}

/** @throws Error when the worker serves no batches */
export async function startBatch({ worker }: Server, lines: readonly Line[]): Promise<RunningBatch> {
  if (worker === undefined) throw new Error("Cannot measure: only a worker runs batches");
  const { batches } = worker.client;
  const endpoint = "/v1/chat/completions";
  async function* text(): AsyncGenerator<Uint8Array> {
    for (const [i, body] of lines.entries())
      yield Buffer.from(`${JSON.stringify({ custom_id: String(i), method: "POST", url: endpoint, body })}\n`);
  }
  const from = performance.now();
  const create = async (): Promise<string> => {
    const input_file_id = await batches.upload(text());
    return (await batches.create({ input_file_id, endpoint, completion_window: "24h" })).id;
  };
  const id = await create().catch((error: Error) => {
    throw new Error(`Cannot measure: the worker takes no batch: ${error.message}`, { cause: error });
  });
  const isOver = async () => {
    const batch = await batches.get(id);
    return ["completed", "failed", "expired", "cancelled"].includes(batch.status) && batch;
  };
  const end = async () => {
    for (;;) {
      const batch = await isOver();
      if (batch !== false) return batch;
      // More questions would take the server's time.
      await sleep(askAgainMs);
    }
  };
  return {
    async rate() {
      if ((await isOver()) !== false)
        process.stderr.write("the batch ended too early for its rate: use more --lines\n");
      const { completed } = (await batches.get(id)).request_counts;
      return (1_000 * completed) / (performance.now() - from);
    },
    async ended() {
      const { status, usage, errors, request_counts: counts } = await end();
      const ms = performance.now() - from;
      if (status !== "completed" || counts.completed !== lines.length) {
        const why = errors?.data[0]?.message ?? `${counts.completed} of ${lines.length} lines have an answer`;
        throw new Error(`Cannot measure: the batch is ${status}: ${why}`);
      }
      return { ms, tokens: usage.output_tokens, lines: lines.length };
    },
    async cancel() {
      // A batch that has ended meanwhile cannot be cancelled.
      await batches.change(id, "cancel").catch(() => {});
      await end();
    },
  };
}
