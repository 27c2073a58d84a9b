import { describeWithNats } from "@waggle/testing";
import { expect, test } from "vitest";
import { joinGateway, unique, useNats } from "../testing/fleet.ts";
import { fleetVersion, type JobRecord, type SessionRecord } from "./records.ts";

describeWithNats("what gateways share", () => {
  const nats = useNats();

  test("gives each of a hundred claims at once exactly one predecessor", async () => {
    const gateways = await Promise.all([joinGateway(nats.url), joinGateway(nats.url)]);
    const session = unique("session");
    const records: SessionRecord[] = Array.from({ length: 100 }, (_, index) => ({
      gateway: gateways[index % 2]?.id ?? "",
      jobId: `job-${index}`,
    }));
    const replaced = await Promise.all(
      records.map(async (record, index) => await gateways[index % 2]?.sessions.claim("someone", session, record)),
    );
    const names = replaced.map((record) => record?.jobId);
    expect(names.filter((name) => name === undefined)).toHaveLength(1);
    expect(new Set(names).size).toBe(100);
    // Whoever is nobody's predecessor has it.
    const holder = records.find(({ jobId }) => !names.includes(jobId));
    expect(await gateways[0]?.sessions.claim("someone", session, { gateway: "other", jobId: "last" })).toEqual(holder);
  });

  test("keeps a session for who has claimed it since, whatever its client and name look like", async () => {
    const gateway = await joinGateway(nats.url);
    const [client, session] = ["a client. with > dots *", `séssion ${"x".repeat(200)}`];
    const first = { gateway: gateway.id, jobId: "first" };
    const second = { gateway: gateway.id, jobId: "second" };
    expect(await gateway.sessions.claim(client, session, first)).toBeUndefined();
    expect(await gateway.sessions.claim(client, session, second)).toEqual(first);
    await gateway.sessions.release(client, session, first);
    expect(await gateway.sessions.claim(client, session, first)).toEqual(second);
    await gateway.sessions.release(client, session, first);
    expect(await gateway.sessions.claim(client, session, second)).toBeUndefined();
    expect(await gateway.sessions.claim("another client", session, second)).toBeUndefined();
  });

  test("lets one gateway alone adopt a job", async () => {
    const gateways = await Promise.all([joinGateway(nats.url), joinGateway(nats.url), joinGateway(nats.url)]);
    const id = unique("stream");
    const record = (gateway: string): JobRecord => ({
      version: fleetVersion,
      id,
      gateway,
      scope: { client: "someone", trace: "trace" },
      spec: { kind: "embed" } as never,
      callKey: "key",
      fleetIds: ["one"],
    });
    const [{ records }] = gateways;
    expect(await records.get("someone", id)).toBeUndefined();
    await records.put(record("first"));
    const found = await records.get("someone", id);
    expect(found?.record).toEqual(record("first"));
    const won = await Promise.all(gateways.map((one) => one.records.adopt(record(one.id), found?.revision ?? 0)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await records.get("someone", id))?.record.gateway).toBe(gateways[won.indexOf(true)]?.id);
    await records.remove("someone", id);
    expect(await records.get("someone", id)).toBeUndefined();
  });

  test("says that NATS is away instead of waiting for it", async () => {
    const gateway = await joinGateway(nats.url);
    const gone = new Promise<void>((resolve) => {
      gateway.onConnection((connected) => {
        if (!connected) resolve();
      });
    });
    await nats.server.stop("SIGKILL");
    await gone;
    for (const attempt of [
      gateway.sessions.claim("someone", "session", { gateway: gateway.id, jobId: "job" }),
      gateway.records.get("someone", "job"),
      gateway.cancel("job"),
      gateway.followFromStart("job", { record: () => {} }),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: "unavailable", retryAfterS: 2 });
    }
    await gateway.forget("job");
  });
});
