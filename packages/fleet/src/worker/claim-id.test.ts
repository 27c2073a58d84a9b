import { deferred, type Deferred } from "@waggle/async";
import { createFakeClock } from "@waggle/testing";
import { createLogger, type Logger } from "@waggle/telemetry";
import { describe, expect, test } from "vitest";
import { keys } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { memberIntervalMs } from "../members/heartbeats.ts";
import { decode, encode, type Member } from "../queue/records.ts";
import {
  connectTo,
  finish,
  fleetIdOf,
  joinGateway,
  joinModel,
  silent,
  submitJob,
  unique,
  until,
  pass,
  useFleet,
  withParts,
} from "../testing/fleet.ts";
import { createIdClaim } from "./claim-id.ts";

/** A log whose lines about a taken id are counted. */
function countingLog(): { readonly log: Logger; readonly count: () => number } {
  let count = 0;
  const write = (line: string): void => {
    if (line.includes('"level":"error"') && line.includes("another worker has the id")) count += 1;
  };
  return {
    log: createLogger({ level: "info", format: "json", name: "test", destination: { write } }),
    count: () => count,
  };
}

describe("a worker's id", () => {
  const fleet = useFleet();

  test("belongs to its first process; a second one does nothing in the fleet until the first has left", async () => {
    const [name, id] = [unique("model"), unique("worker")];
    const gateway = await joinGateway(fleet);
    const { model: first, worker } = await joinModel(fleet, name, { id, slots: 1 });
    const { log, count } = countingLog();
    const acts: string[] = [];
    const through = (broker: Broker): Broker =>
      withParts(broker, {
        messages: withParts(broker.messages, {
          send(topic, data) {
            acts.push(`send ${topic}`);
            broker.messages.send(topic, data);
          },
        }),
        jobs: withParts(broker.jobs, {
          async take(queue) {
            acts.push(`take from ${queue}`);
            return await broker.jobs.take(queue);
          },
        }),
      });
    const { model: second } = await joinModel(fleet, name, { id, slots: 2, log, through });
    await until(() => count() === 1);
    await submitJob(gateway, { model: name });
    // The first process is full before the next job waits.
    await first.job();
    const { job, received } = await submitJob(gateway, { model: name }, id);
    await pass(fleet, 20_000);
    expect([acts, second.jobs, count()]).toEqual([[], [], 1]);
    await worker.side.leave();
    await worker.side.close();
    await until(() => second.jobs.some((each) => fleetIdOf(each) === job.id));
    for (const each of [...second.jobs]) finish(second, each);
    expect(await received.ended()).toMatchObject({ type: "finished" });
  });

  test("comes back from a process that has died; meanwhile, jobs that run here can be cancelled", async () => {
    const [name, id] = [unique("model"), unique("worker")];
    const gateway = await joinGateway(fleet);
    const { members } = (await connectTo(fleet)).records;
    const answer = deferred<undefined>();
    let asked = 0;
    const ask = async (): Promise<undefined> => ((asked += 1) === 1 ? undefined : await answer.promise);
    const through = (broker: Broker): Broker => withParts(broker, { messages: withParts(broker.messages, { ask }) });
    const { model } = await joinModel(fleet, name, { id, through });
    const { job } = await submitJob(gateway, { model: name });
    const local = await model.job();
    const record = async () => decode<Member>((await members.get(keys.member("worker", id)))?.value as Uint8Array);
    await members.put(keys.member("worker", id), encode({ ...(await record()), instance: "!" }));
    await pass(fleet, memberIntervalMs);
    await until(() => asked === 2);
    await gateway.cancel(job.id, "client");
    await until(() => local.cancelled);
    answer.resolve(undefined);
    await until(async () => (await record()).instance !== "!");
    await pass(fleet, memberIntervalMs);
    expect(asked).toBe(2);
  });

  test("is not free because the broker is away", async () => {
    let [connected, free] = [false, 0];
    const ask = async (): Promise<undefined> => (connected ? undefined : await Promise.reject(new Error("away")));
    const broker = withParts({ mostBytes: Infinity, messages: { ask } } as unknown as Broker, {
      get connected() {
        return connected;
      },
    });
    const clock = createFakeClock();
    const claim = createIdClaim({ broker, clock, log: silent, id: "id", onFree: () => (free += 1) });
    for (const isConnected of [false, true]) {
      connected = isConnected;
      claim.begin();
      await new Promise(setImmediate);
      expect(free).toBe(isConnected ? 1 : 0);
    }
    claim.close();
  });

  test("is asked for again if the connection was lost and came back during the question", async () => {
    const questions: Deferred<undefined>[] = [];
    const ask = async (): Promise<undefined> =>
      await (questions[questions.push(deferred()) - 1] as Deferred<undefined>).promise;
    const broker = { mostBytes: Infinity, connected: true, messages: { ask } } as unknown as Broker;
    let free = 0;
    const claim = createIdClaim({ broker, clock: createFakeClock(), log: silent, id: "id", onFree: () => (free += 1) });
    claim.begin();
    await new Promise(setImmediate);
    claim.begin();
    questions[0]?.reject(new Error("the connection is lost"));
    await new Promise(setImmediate);
    expect([free, questions.length]).toEqual([0, 2]);
    questions[1]?.resolve(undefined);
    await new Promise(setImmediate);
    expect([free, questions.length]).toEqual([1, 2]);
    claim.close();
  });

  test("remains with one of two processes that start at the same moment", async () => {
    const [name, id] = [unique("model"), unique("worker")];
    const gateway = await joinGateway(fleet);
    // Neither process gets an answer before the other one has joined.
    const unasked = (broker: Broker): Broker => {
      let asked = 0;
      const ask: Broker["messages"]["ask"] = async (...question) =>
        (asked += 1) === 1 ? undefined : await broker.messages.ask(...question);
      return withParts(broker, { messages: withParts(broker.messages, { ask }) });
    };
    const join = async () => {
      const counting = countingLog();
      const joined = await joinModel(fleet, name, { id, log: counting.log, through: unasked });
      return { ...joined, count: counting.count };
    };
    const both = [await join(), await join()];
    const left = () => both.filter(({ count }) => count() > 0);
    await until(() => left().length > 0);
    expect(left()).toHaveLength(1);
    const [keeper] = both.filter(({ count }) => count() === 0);
    for (let job = 0; job < 2; job += 1) await submitJob(gateway, { model: name });
    await keeper?.model.job(1);
    expect(left()[0]?.model.jobs).toEqual([]);
  });
});
