// Tests that the permissions in packaging/nats/fleet.conf suffice for each role of a fleet: streams, sessions across gateways, handovers, takeovers.
import {
  createProcessGroups,
  openStream,
  poll,
  repositoryPath,
  startDaemon,
  startGateway,
  startNats,
  startWorker,
} from "@waggle/testing/harness";
import type { DaemonSpec, Gateway } from "@waggle/testing/harness";
import { madeUpPng, needs } from "@waggle/testing";
import { afterAll, describe, expect, test } from "vitest";

const groups = createProcessGroups("permissions");
afterAll(() => groups.killAll());

const configFile = repositoryPath("packaging/nats/fleet.conf");
const passwords = { worker: "one", gateway: "two", hive: "three" };

/** Sends a conversation with a picture, and has one counted. */
async function askAboutPicture({ url }: Gateway): Promise<void> {
  const data = Buffer.from(madeUpPng(0xff0000)).toString("base64");
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } };
  const messages = [{ role: "user", content: [image] }];
  const answer = await openStream({ url: `${url}/v1/inference`, body: { messages, max_tokens: 5 } });
  expect((await answer.over).how).toBe("complete");
  const block = { type: "image", source: { type: "base64", media_type: "image/png", data } };
  const counted = await fetch(`${url}/v1/messages/count_tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "any", messages: [{ role: "user", content: [block] }] }),
  });
  expect(await counted.json()).toEqual({ input_tokens: expect.any(Number) as number });
}

describe("a fleet with minimal permissions", needs("nats-server"), () => {
  test("serves, hands over and takes over jobs without a refusal by NATS", async () => {
    const refused = new Set<string>();
    const env = Object.fromEntries(
      Object.entries(passwords).map(([role, word]) => [`WAGGLE_${role.toUpperCase()}_PASSWORD`, word]),
    );
    await using nats = await startNats(groups, { configFile, env });
    const as = (role: keyof typeof passwords): Pick<DaemonSpec, "flags" | "onLogLine"> => ({
      flags: ["--nats-url", nats.url.replace("//", `//${role}:${passwords[role]}@`), "--log-level", "debug"],
      onLogLine(line) {
        for (const [violation] of line.matchAll(/Permissions Violation for \w+ to [^ ]*/g))
          refused.add(`${role}: ${violation}`);
      },
    });
    const worker = as("worker");
    const fake = ["--backend", "fake", "--mmproj", "fake", "--slots", "2", "--fake-step-delay", "20ms", "--worker-id"];
    const workers = await Promise.all(
      ["w1", "w2"].map((id) => startWorker(groups, { ...worker, flags: [...fake, id, ...worker.flags] })),
    );
    const [one, other] = await Promise.all([startGateway(groups, as("gateway")), startGateway(groups, as("gateway"))]);
    for (const { client } of [one, other]) {
      await poll("the gateway to know both workers", async () => (await client.health()).slots.total === 4);
    }

    await askAboutPicture(one);
    await poll("the pictures to be gone", async () => (await nats.messagesIn("WAGGLE_PICTURES")) === 0);

    const held = await openStream({
      url: `${one.url}/v1/inference`,
      body: { prompt: "a", max_tokens: 4_000, session_id: "s" },
    });
    await held.event("its first token", ({ type }) => type === "token");
    const next = await openStream({
      url: `${other.url}/v1/inference`,
      body: { prompt: "b", max_tokens: 5, session_id: "s" },
    });
    expect((await held.over).how).toBe("complete");
    expect(held.judge.terminal).toMatchObject({ cancelled_by: "superseded" });
    expect((await next.over).how).toBe("complete");

    // Long enough to run still when the first worker has exited.
    const { job_id: id } = await one.client.createJob({ prompt: "c", max_tokens: 800 });
    const cut = await openStream({ url: `${one.url}/v1/jobs/${id}/stream` });
    await cut.event("its first token", ({ type }) => type === "token");
    const [first] = workers;
    first?.signal("SIGTERM");
    await first?.exited;
    await cut.nextToken();
    await one[Symbol.asyncDispose]();
    const rest = await openStream({ url: `${other.url}/v1/jobs/${id}/stream`, after: cut.judge.tokens.length - 1 });
    expect((await rest.over).how).toBe("complete");
    expect([...cut.judge.problems, ...rest.judge.problems]).toEqual([]);

    const hive = await startDaemon(groups, {
      name: "hive",
      ...as("hive"),
      flags: ["--port", "0", "--log-format", "json", ...as("hive").flags],
    });
    const { url } = await hive.line("listening");
    await poll("the hive to know the worker", async () =>
      (await (await fetch(`${url}/v1/workers`)).text()).includes('"w2"'),
    );
    expect([...refused]).toEqual([]);
  });
});
