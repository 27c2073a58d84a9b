// Tests with NATS, two workers and two gateways that a gateway serves its clients like a worker.
import { createGate, createProcessGroups, poll, startGateway, startNats, startWorker } from "@waggle/testing/harness";
import type { Gate, Gateway, NatsServer, Worker } from "@waggle/testing/harness";
import { UsageReportSchema } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

const groups = createProcessGroups("gateway");

/** Reads all events, or those up to the first that fits. */
async function read(
  events: AsyncIterable<StreamEvent>,
  fits = (_: StreamEvent): boolean => false,
): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for await (const event of events) {
    all.push(event);
    if (fits(event)) break;
  }
  return all;
}

function tokensOf(events: readonly StreamEvent[]): (readonly [number, string])[] {
  return events.flatMap((event) => (event.type === "token" ? [[event.index, event.text] as const] : []));
}

describe("two gateways over two workers", needs("nats-server"), () => {
  let nats: NatsServer;
  /** The steps of both workers. A test that wants to see a job run closes it. */
  let gate: Gate;
  let workers: readonly Worker[];
  let one: Gateway;
  let other: Gateway;

  async function start(id: string, slots = 4): Promise<Gateway> {
    const gateway = await startGateway(groups, { flags: ["--nats-url", nats.url, "--gateway-id", id] });
    await poll("the gateway to know its workers", async () => (await gateway.client.health()).slots.total === slots);
    return gateway;
  }

  beforeAll(async () => {
    nats = await startNats(groups);
    gate = await createGate();
    const flags = [...gate.flags, "--slots", "2", "--nats-url", nats.url];
    workers = await Promise.all(
      ["w1", "w2"].map((id) => startWorker(groups, { flags: [...flags, "--worker-id", id] })),
    );
    [one, other] = await Promise.all([start("g1"), start("g2")]);
  });
  beforeEach(() => gate.open());
  afterAll(async () => {
    groups.killAll();
    gate[Symbol.dispose]();
    await nats[Symbol.asyncDispose]();
  });

  /** Reads the first tokens of a stream, which then waits at the gate. */
  async function begin(events: AsyncIterable<StreamEvent>, tokens = 1): Promise<StreamEvent[]> {
    gate.close();
    gate.step(tokens + 1);
    return await read(events, (event) => event.type === "token" && event.index === tokens - 1);
  }

  async function busySlots(): Promise<number> {
    const all = await Promise.all(workers.map(({ client }) => client.health()));
    return all.reduce((sum, { slots }) => sum + slots.busy, 0);
  }

  test("a streamed chat has the same text as at the worker", async () => {
    const sampling = { seed: 11 };
    const ask = async (baseURL: string): Promise<string> => {
      const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "none", maxRetries: 0 });
      const stream = await client.chat.completions.create({
        model: "waggle-fake",
        messages: [{ role: "user", content: "[eog:12] tell me" }],
        ...sampling,
        stream: true,
      });
      let text = "";
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
      return text;
    };
    const [theirs, ours] = [await ask(workers[0]?.url ?? ""), await ask(one.url)];
    expect(theirs.length).toBeGreaterThan(20);
    expect(ours).toBe(theirs);
  });

  test("any model name is accepted if the fleet has one model", async () => {
    const ask = async (baseURL: string): Promise<string | undefined> => {
      const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "none", maxRetries: 0 });
      const answer = await client.completions.create({ model: "gpt-4o", prompt: "[eog:12] tell me", seed: 11 });
      return answer.choices[0]?.text;
    };
    const text = await ask(workers[0]?.url ?? "");
    expect(text).not.toBe("");
    expect(await ask(one.url)).toBe(text);
  });

  test("queries go to workers that have the model loaded, and do not load it on others", async () => {
    const [first] = workers;
    const unloaded = async (): Promise<string | undefined> => (await first?.client.models.list())?.models[0]?.state;
    await first?.client.models.unload("waggle-fake");
    for (let asked = 0; asked < 8; asked += 1) {
      const response = await fetch(`${one.url}/tokenize`, { method: "POST", body: '{"content":"a question"}' });
      expect(response.status).toBe(200);
    }
    expect(await unloaded()).toBe("unloaded");
    for await (const event of first?.client.models.load({ model: "waggle-fake" }) ?? [])
      if (event.type === "done") break;
    await poll("the gateway to know the worker's slots", async () => (await one.client.health()).slots.total === 4);
  });

  test("a cancel frees the slot on the worker", async () => {
    gate.close();
    const { job_id: id } = await one.client.createJob({ prompt: "on and on", on_disconnect: "continue" });
    await begin(one.client.streamJob(id));
    expect(await busySlots()).toBe(1);
    const cancelled = one.client.cancelJob(id);
    gate.open();
    expect(await cancelled).toMatchObject({ state: "cancelled", cancelled_by: "client" });
    // The job may end before the engine releases the slot.
    await poll("the slot to be free", async () => (await busySlots()) === 0);
  });

  test("a worker counts the fleet's jobs as requests", async () => {
    const accepted = async (): Promise<number> => {
      const reports = await Promise.all(workers.map(async ({ url }) => await (await fetch(`${url}/v1/usage`)).json()));
      const clients = UsageReportSchema.array()
        .parse(reports)
        .flatMap((report) => report.clients);
      return clients.reduce((sum, { requests }) => sum + requests.accepted, 0);
    };
    const before = await accepted();
    for (const prompt of ["[eog:2] one", "[eog:2] two"]) await read(one.client.inference({ prompt }));
    expect((await accepted()) - before).toBe(2);
  });

  test("a disconnect frees the slot on the worker", async () => {
    const leaving = new AbortController();
    await begin(one.client.inference({ prompt: "on and on" }, { signal: leaving.signal }));
    leaving.abort();
    gate.open();
    await poll("the slot to be free", async () => (await busySlots()) === 0);
  });

  test("a session's next job first ends the session's job at the other gateway", async () => {
    gate.close();
    const old = await one.client.createJob({ prompt: "on and on", session_id: "s", on_disconnect: "continue" });
    await begin(one.client.streamJob(old.job_id));
    const stream = read(other.client.inference({ prompt: "[eog:3] short", session_id: "s" }));
    await poll("the other gateway to have the job", async () => (await other.client.jobs()).jobs.length === 1);
    gate.open();
    const next = await stream;
    expect(next.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
    expect(await one.client.job(old.job_id)).toMatchObject({ state: "cancelled", cancelled_by: "superseded" });
    await poll("the slots to be free", async () => (await busySlots()) === 0);
  });

  test("a killed worker ends no stream and no request for decisions", async () => {
    const prompt = "[eog:100] a long tale";
    const questions = Array.from({ length: 80 }, (_, i) => ({
      type: "predicate",
      instructions: `Is parcel ${i} wet?`,
    }));
    const body = JSON.stringify({ input: "wet parcels", questions });
    const decide = async (): Promise<unknown> => {
      const response = await fetch(`${one.url}/v1/decisions`, { method: "POST", body });
      return ((await response.json()) as { answers?: unknown }).answers;
    };
    const undisturbed = tokensOf(await read(one.client.inference({ prompt, seed: 5 })));
    const decided = await decide();
    expect(decided).toHaveLength(questions.length);
    gate.close();
    const streams = [0, 1].map(() => read(one.client.inference({ prompt, seed: 5 })));
    const decisions = [decide(), decide()];
    const victim = await poll("all four to run", async () => {
      gate.step();
      const slots = await Promise.all(workers.map(async ({ client }) => await client.slots()));
      const tokens = slots.flat().map((slot) => slot.tokens);
      // A decide job has no tokens.
      const all = (await busySlots()) === 4 && tokens.filter((count) => count > 0).length === 2;
      return all && workers.find((_, i) => slots[i]?.some((slot) => slot.tokens === 0));
    });
    const steps = async (): Promise<number> => (await victim.metrics()).sum("waggle_steps_total");
    const before = await steps();
    await poll("branches of the worker", async () => {
      gate.step();
      return (await steps()) > before + 10;
    });
    victim.signal("SIGKILL");
    await victim.exited;
    gate.open();
    workers = workers.filter((worker) => worker !== victim);
    for (const events of await Promise.all(streams)) {
      expect(tokensOf(events)).toEqual(undisturbed);
      expect(events.at(-1)).toMatchObject({ type: "end" });
    }
    expect(await Promise.all(decisions)).toEqual([decided, decided]);
    await poll("all slots to be free", async () => (await busySlots()) === 0);
  });

  test("a gateway finishes its streams before it exits", async () => {
    const leaving = await startGateway(groups, { flags: ["--nats-url", nats.url, "--gateway-id", "g3"] });
    await poll("the gateway to know a worker", async () => (await leaving.client.health()).slots.total > 0);
    gate.close();
    const { job_id: id } = await leaving.client.createJob({ prompt: "[eog:80] a tale", seed: 5 });
    const reading = read(leaving.client.streamJob(id));
    await gate.held();
    leaving.signal("SIGTERM");
    await poll("the drain", async () => (await leaving.client.health()).state === "draining");
    gate.open();
    expect(await leaving.exited).toMatchObject({ code: 0 });
    const events = await reading;
    expect(tokensOf(events)).toHaveLength(80);
    expect(events.at(-1)).toMatchObject({ type: "end" });
  });

  test("clients of a killed gateway get the rest of their stream at the other gateway", async () => {
    const prompt = "[eog:100] a long tale";
    const undisturbed = tokensOf(await read(other.client.inference({ prompt, seed: 5 })));
    gate.close();
    const { job_id: id } = await one.client.createJob({ prompt, seed: 5 });
    const before = tokensOf(await begin(one.client.streamJob(id), 20));
    one.signal("SIGKILL");
    await one.exited;
    gate.open();
    const after = await read(other.client.streamJob(id, { after: before.length - 1 }));
    expect([...before, ...tokensOf(after)]).toEqual(undisturbed);
    expect(after.at(-1)).toMatchObject({ type: "end" });
  });

  test("a gateway that restarts with the same id continues its streams", async () => {
    const prompt = "[eog:100] a long tale";
    const undisturbed = tokensOf(await read(other.client.inference({ prompt, seed: 6 })));
    const dying = await start("g4", 2);
    gate.close();
    const { job_id: id } = await dying.client.createJob({ prompt, seed: 6, on_disconnect: "continue" });
    const before = tokensOf(await begin(dying.client.streamJob(id), 10));
    dying.signal("SIGKILL");
    await dying.exited;
    gate.open();
    const again = await start("g4", 2);
    const after = await read(again.client.streamJob(id, { after: before.length - 1 }));
    expect([...before, ...tokensOf(after)]).toEqual(undisturbed);
    expect(after.at(-1)).toMatchObject({ type: "end" });
  });
});
