// Owns a gateway and a worker of a test on the model of the broker: the daemon's composition without sockets, and a scripted model.
import { createPages } from "@waggle/daemon/pages";
import { createTokenTable } from "@waggle/daemon/tokens";
import { noTotals, type JobEvent } from "@waggle/engine";
import type { FleetJob, GatewaySide, WorkerAnswer, WorkerQuestion } from "@waggle/fleet";
import { joinGateway, joinModel, pass, processId, tokenEvent, until, withParts } from "@waggle/fleet/testing";
import type { FakeModel, FakeWorker, Fleet, LocalJob } from "@waggle/fleet/testing";
import { WaggleError } from "@waggle/protocol";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "../config.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import { gatewayLimits } from "./world/limits.ts";

export interface TestGateway extends Gateway {
  /** The gateway's member of the fleet, whose process can freeze and die. */
  readonly member: Awaited<ReturnType<typeof joinGateway>>;
  readonly logLines: readonly Record<string, unknown>[];
  /** The jobs that this gateway has put into the queue. `again` counts the earlier publications that were lost. */
  readonly published: readonly { readonly job: FleetJob; readonly at?: string | undefined; readonly again?: number }[];
  post(path: string, body: unknown): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  delete(path: string): Promise<Response>;
  /** The job's status at this gateway. */
  status(jobId: string): Promise<unknown>;
  /** Resolves when this gateway has received so many tokens of the job. */
  has(jobId: string, tokens: number): Promise<void>;
  /** Leaves as at SIGTERM, without waiting for its jobs. */
  leave(): Promise<void>;
}

interface TestGatewayOptions extends Partial<GatewayConfig> {
  readonly id?: string;
  /** Returns the side as the gateway sees it. */
  readonly through?: (side: GatewaySide) => GatewaySide;
}

const host = { host: "127.0.0.1:7710" };

/** Resolves when the gateway knows the members that have joined before. */
export async function startGateway(
  fleet: Fleet,
  { id = "g1", through = (side) => side, ...settings }: TestGatewayOptions = {},
): Promise<TestGateway> {
  const member = await joinGateway(fleet, processId(id));
  const published: { job: FleetJob }[] = [];
  const logLines: Record<string, unknown>[] = [];
  async function publish(...[job, to]: Parameters<GatewaySide["publish"]>): Promise<void> {
    await member.publish(job, to);
    published.push({ job: structuredClone(job), ...to });
  }
  const gateway = createGateway({
    logLines: createLogRing(),
    config: { ...gatewayLimits, natsUrl: "nats://127.0.0.1:4222", gatewayId: id, ...settings },
    side: through(withParts<GatewaySide>(member, { publish })),
    pages: createPages({ folder: "/nowhere", routes: {} }),
    tokens: () => createTokenTable([]),
    drain: () => gateway.refuse(),
    url: () => "http://127.0.0.1:7710",
    log: createLogger({
      level: "debug",
      format: "json",
      name: "test",
      destination: { write: (line: string) => void logLines.push(JSON.parse(line) as Record<string, unknown>) },
    }),
    metrics: createWorkerMetrics({ ofNode: false }),
    clock: member.process.clock,
    chance: member.chance,
  });
  const request = async (path: string, init: RequestInit): Promise<Response> => await gateway.app.request(path, init);
  const get = (path: string, headers = {}): Promise<Response> => request(path, { headers: { ...host, ...headers } });
  await pass(fleet, 100);
  return {
    ...gateway,
    member,
    logLines,
    published,
    post: (path, body) => request(path, { method: "POST", body: JSON.stringify(body), headers: host }),
    get,
    delete: (path) => request(path, { method: "DELETE", headers: host }),
    status: async (jobId) => await (await get(`/v1/jobs/${jobId}`)).json(),
    has: (jobId, tokens) => until(() => gateway.registry.get("local", jobId)?.log.nextToken === tokens),
    async leave() {
      gateway.refuse();
      gateway.abort();
      await gateway.stop();
    },
  };
}

/** Resolves when the gateways have noticed that NATS is away. */
export async function stopNats({ server }: Fleet, ...gateways: readonly TestGateway[]): Promise<void> {
  server.stop();
  await until(() => gateways.every(({ member }) => !member.connected));
}

export interface TestWorker extends FakeWorker {
  readonly model: FakeModel;
  /** The worker's answers; at first each job fits. */
  answer: Answer;
  /** Starts the job at this index, from 0, unless it has started, and sends tokens with these texts behind its earlier ones. */
  tokens(index: number, ...texts: readonly string[]): Promise<LocalJob>;
  /** Sends tokens with these texts, and the end of the job. */
  finish(index: number, ...texts: readonly string[]): Promise<void>;
  /** Confirms the cancel of the job, which has to come. */
  release(index: number): Promise<void>;
  emit(index: number, ...events: readonly JobEvent[]): Promise<LocalJob>;
  leave(): Promise<void>;
}

type Answer = (question: WorkerQuestion) => WorkerAnswer | Promise<WorkerAnswer>;

export const fits: Answer = ({ kind }) => {
  if (kind === "preflight") return { kind, size: { promptTokens: 3, cachedTokens: 0 } };
  throw new WaggleError("unavailable", "Not answered.");
};

/** A worker with a scripted model, which has one slot by default. */
export async function startWorker(
  fleet: Fleet,
  { model: name = "m", ...options }: Parameters<typeof joinModel>[2] & { readonly model?: string } = {},
): Promise<TestWorker> {
  const answer = async (question: WorkerQuestion): Promise<WorkerAnswer> => await self.answer(question);
  const { model, worker } = await joinModel(fleet, name, { id: "w1", slots: 1, answer, ...options });
  /** The index of each started job's next token. */
  const next = new Map<LocalJob, number>();

  async function emit(index: number, ...events: readonly JobEvent[]): Promise<LocalJob> {
    const local = await model.job(index);
    const started = { type: "started", jobId: "local", slot: 0, promptTokens: 3, cachedTokens: 0 } as const;
    if (!next.has(local)) local.listener.event(started);
    next.set(local, next.get(local) ?? local.spec.prior?.output?.events ?? 0);
    for (const event of events) {
      if (event.type === "token") next.set(local, event.index + 1);
      local.listener.event(event);
    }
    return local;
  }

  async function end(index: number, event: JobEvent): Promise<void> {
    const local = await emit(index);
    model.over(local);
    local.listener.event({ ...event, promptTokens: 3, completionTokens: next.get(local) } as JobEvent);
    worker.side.refill();
  }

  async function tokens(index: number, ...texts: readonly string[]): Promise<LocalJob> {
    const local = await emit(index);
    for (const text of texts) {
      const at = next.get(local) ?? 0;
      await emit(index, { ...tokenEvent(at, [at + 1]), text } as JobEvent);
    }
    return local;
  }

  const self: TestWorker = {
    ...worker,
    model,
    answer: fits,
    emit,
    tokens,
    async finish(index, ...texts) {
      await tokens(index, ...texts);
      await end(index, { type: "finished", jobId: "local", by: "end", ...noTotals });
    },
    async release(index) {
      const local = await model.job(index);
      await until(() => local.cancelled);
      await end(index, { type: "cancelled", jobId: "local", steps: 1, ...noTotals });
    },
    async leave() {
      await worker.side.leave();
      await worker.side.close();
    },
  };
  return self;
}

/** What a client receives of a stream, and whether the connection was cut. */
export async function received(answer: Response): Promise<{ text: string; ids: string[]; cut: boolean }> {
  let text = "";
  let cut = false;
  const decoder = new TextDecoder();
  try {
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch {
    cut = true;
  }
  return { text, cut, ids: [...text.matchAll(/^id: (\d+)/gm)].map(([, index = ""]) => index) };
}
