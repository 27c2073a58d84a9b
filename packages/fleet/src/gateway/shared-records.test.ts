import { describe, expect, test } from "vitest";
import { joinGateway, processId, unique, until, useFleet } from "../testing/fleet.ts";
import { keys } from "../broker/names.ts";
import { encode, fleetVersion, type JobRecord, type SessionRecord } from "../queue/records.ts";

describe("the store of the gateways' shared records", () => {
  const fleet = useFleet();

  test("gives each of thirty concurrent claims exactly one predecessor", async () => {
    const gateways = await Promise.all([joinGateway(fleet), joinGateway(fleet)]);
    const session = unique("session");
    const records: SessionRecord[] = Array.from({ length: 30 }, (_, index) => ({
      gateway: gateways[index % 2]?.id ?? processId(""),
      jobId: `job-${index}`,
    }));
    const replaced = await Promise.all(
      records.map(async (record, index) => await gateways[index % 2]?.sessions.claim("someone", session, record)),
    );
    const names = replaced.map((claimed) => (claimed && "before" in claimed ? claimed.before?.jobId : "newer"));
    expect(names.filter((name) => name === undefined)).toHaveLength(1);
    expect(new Set(names).size).toBe(30);
    // The claim that is no other claim's predecessor has the session.
    const holder = records.find(({ jobId }) => !names.includes(jobId));
    expect(
      await gateways[0]?.sessions.claim("someone", session, { gateway: processId("other"), jobId: "last" }),
    ).toEqual({ before: holder });
  });

  test("keeps a session for a newer claim, with any characters in the client and the session id", async () => {
    const gateway = await joinGateway(fleet);
    const [client, session] = ["a client. with > dots *", `séssion ${"x".repeat(200)}`];
    const first = { gateway: gateway.id, jobId: "first" };
    const second = { gateway: gateway.id, jobId: "second" };
    expect(await gateway.sessions.claim(client, session, first)).toEqual({ before: undefined });
    expect(await gateway.sessions.claim(client, session, second)).toEqual({ before: first });
    await gateway.sessions.release(client, session, first);
    expect(await gateway.sessions.claim(client, session, first)).toEqual({ before: second });
    await gateway.sessions.release(client, session, first);
    expect(await gateway.sessions.claim(client, session, second)).toEqual({ before: undefined });
    expect(await gateway.sessions.claim("another client", session, second)).toEqual({ before: undefined });
  });

  test("keeps a session for the job that was accepted last; without a time, for the last claim", async () => {
    const { id, sessions } = await joinGateway(fleet);
    const session = unique("session");
    const claim = async (jobId: string, acceptedAt?: number) =>
      await sessions.claim("someone", session, { gateway: id, jobId, acceptedAt });
    expect(await claim("second", 2_000)).toEqual({ before: undefined });
    expect(await claim("first", 1_999)).toMatchObject({ newer: { jobId: "second" } });
    expect(await sessions.get("someone", session)).toMatchObject({ jobId: "second" });
    for (const [jobId, acceptedAt, before] of [
      ["same time", 2_000, "second"],
      ["third", 2_001, "same time"],
      ["without a time", undefined, "third"],
      ["early, but after one without a time", 1, "without a time"],
    ] as const) {
      expect(await claim(jobId, acceptedAt)).toMatchObject({ before: { jobId: before } });
    }
  });

  const who = { client: "someone", trace: "trace" };
  const recordOf = (id: string, gateway: string): JobRecord => ({
    version: fleetVersion,
    id,
    gateway: processId(gateway),
    origin: processId("first"),
    spec: { who } as never,
    callKey: "key",
    fleetIds: ["one"],
    waits: true,
  });

  test("lets only one gateway take a job over", async () => {
    const gateways = await Promise.all([joinGateway(fleet), joinGateway(fleet), joinGateway(fleet)]);
    const id = unique("stream");
    const [{ records }] = gateways;
    expect(await records.get("someone", id)).toBeUndefined();
    await records.create(recordOf(id, "first"));
    const found = await records.get("someone", id);
    expect(found?.record).toEqual(recordOf(id, "first"));
    const won = await Promise.all(
      gateways.map((one) => one.records.update(recordOf(id, one.id), found?.revision ?? 0)),
    );
    const winner = won.findIndex((revision) => revision !== undefined);
    expect(won.filter((revision) => revision !== undefined)).toHaveLength(1);
    expect((await records.get("someone", id))?.record.gateway).toBe(gateways[winner]?.id);
    await records.remove("someone", id, found?.revision ?? 0);
    expect(await records.get("someone", id)).toBeDefined();
    await records.remove("someone", id, won[winner] ?? 0);
    expect(await records.get("someone", id)).toBeUndefined();
  });

  test.each([
    ["of another version", encode({ version: 1, id: "x" })],
    ["that is not readable", new Uint8Array([1, 2])],
  ])("a record %s keeps its job_id, and is ignored otherwise", async (_, value) => {
    const { broker, records } = await joinGateway(fleet);
    const id = unique("stream");
    await broker.records.jobs.put(keys.job("someone", id), value);
    expect(await records.create(recordOf(id, "first"))).toEqual({ foreign: true });
    expect(await records.get("someone", id)).toBeUndefined();
    expect((await records.list()).filter(({ record }) => record.id === id)).toEqual([]);
  });

  test("gives a job's id to one of thirty concurrent requests, and to another request when the id is free again", async () => {
    const gateways = await Promise.all([joinGateway(fleet), joinGateway(fleet)]);
    const id = unique("stream");
    const asked = Array.from({ length: 30 }, (_, at) => ({ at, side: gateways[at % 2] ?? gateways[0] }));
    const answers = await Promise.all(asked.map(({ at, side }) => side.records.create(recordOf(id, `g${at}`))));
    const won = answers.findIndex((answer) => "revision" in answer);
    expect(answers.filter((answer) => "revision" in answer)).toHaveLength(1);
    for (const answer of answers) if ("taken" in answer) expect(answer.taken.record.gateway).toBe(`g${won}`);
    const [{ records }] = gateways;
    await records.remove("someone", id, (await records.get("someone", id))?.revision ?? 0);
    expect(await records.create(recordOf(id, "next"))).toHaveProperty("revision");
  });

  test("lists the jobs with records, without the forgotten ones", async () => {
    const gateway = await joinGateway(fleet);
    const names = Array.from({ length: 200 }, () => unique("listed"));
    const made = await Promise.all(names.map((id) => gateway.records.create(recordOf(id, "first"))));
    const [first] = made;
    if (first === undefined || !("revision" in first)) throw new Error("The first name was taken");
    await gateway.records.remove("someone", names[0] ?? "", first.revision);
    const listed = (await gateway.records.list()).map(({ record }) => record.id).filter((id) => names.includes(id));
    expect(listed.toSorted()).toEqual(names.slice(1).toSorted());
  });

  test("refuses a record that is too large for NATS", async () => {
    const gateway = await joinGateway(fleet);
    const text = Array.from({ length: 600_000 }, () => Math.random().toString(36).slice(2, 5)).join("");
    const large = {
      ...recordOf(unique("stream"), "first"),
      spec: { who, work: { kind: "embed", texts: [text] } } as never,
    };
    await expect(gateway.records.create(large)).rejects.toMatchObject({ code: "payload_too_large" });
  });

  test("fails at once while NATS is away", async () => {
    const gateway = await joinGateway(fleet);
    fleet.server.stop();
    await until(() => !gateway.connected);
    for (const attempt of [
      gateway.sessions.claim("someone", "session", { gateway: gateway.id, jobId: "job" }),
      gateway.records.get("someone", "job"),
      gateway.cancel("job", "client"),
      gateway.subscribeFromStart("job", () => {}),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: "unavailable" });
    }
    await gateway.forget("job");
  });
});
