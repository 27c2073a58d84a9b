// Tests the permissions in packaging/nats/fleet.conf: a fleet runs with them, also after a loss of its streams, and what they do not prevent is
// what docs/fleet.md lists.
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  createGate,
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
import { rights, type Role } from "./permission-table.ts";

const groups = createProcessGroups("permissions");
afterAll(() => groups.killAll());

const configFile = repositoryPath("packaging/nats/fleet.conf");
const passwords: Readonly<Record<Role, string>> = { worker: "one", gateway: "two", hive: "three" };
const env = Object.fromEntries(
  Object.entries(passwords).map(([role, word]) => [`WAGGLE_${role.toUpperCase()}_PASSWORD`, word]),
);

/** Attempts everything in the table as this user. Returns what nats-server denies. */
async function deniedTo(role: Role, url: string): Promise<string[]> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  socket.write(`CONNECT ${JSON.stringify({ user: role, pass: passwords[role], verbose: false })}\r\n`);
  const denied: string[] = [];
  for (const { what, topic, how } of rights) {
    const command = how === "receive" ? `SUB ${topic} 1` : `PUB ${topic} _INBOX.${role}.answer 2\r\n{}`;
    socket.write(`${command}\r\nPING\r\n`);
    for (let line = await lines.next(); line.value !== "PONG"; line = await lines.next()) {
      if (line.done === true) throw new Error(`nats-server has closed the connection at: ${command}`);
      if (line.value.includes("Permissions Violation")) denied.push(what);
    }
  }
  socket.destroy();
  return denied;
}

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
    const folder = mkdtempSync(join(tmpdir(), "waggle-permissions-"));
    await using nats = await startNats(groups, { configFile, env, folder });
    const as = (role: keyof typeof passwords): Pick<DaemonSpec, "flags" | "onLogLine"> => ({
      flags: ["--nats-url", nats.url.replace("//", `//${role}:${passwords[role]}@`), "--log-level", "debug"],
      onLogLine(line) {
        const topic = /"topic":"([^"]*)".*"nats_permission_denied"/.exec(line)?.[1];
        if (topic !== undefined) refused.add(`${role}: ${topic}`);
      },
    });
    const worker = as("worker");
    using gate = await createGate();
    gate.open();
    const fake = [...gate.flags, "--mmproj", "fake", "--slots", "2", "--worker-id"];
    const workers = await Promise.all(
      ["w1", "w2"].map((id) => startWorker(groups, { ...worker, flags: [...fake, id, ...worker.flags] })),
    );
    const [one, other] = await Promise.all([startGateway(groups, as("gateway")), startGateway(groups, as("gateway"))]);
    for (const { client } of [one, other]) {
      await poll("the gateway to know both workers", async () => (await client.health()).slots.total === 4);
    }

    await askAboutPicture(one);
    await poll("the pictures to be gone", async () => (await nats.messagesIn("WAGGLE_PICTURES")) === 0);

    gate.close();
    gate.step(2);
    const held = await openStream({ url: `${one.url}/v1/inference`, body: { prompt: "a", session_id: "s" } });
    await held.event("its first token", ({ type }) => type === "token");
    const next = await openStream({
      url: `${other.url}/v1/inference`,
      body: { prompt: "b", max_tokens: 5, session_id: "s" },
    });
    gate.open();
    expect((await held.over).how).toBe("complete");
    expect(held.judge.terminal).toMatchObject({ cancelled_by: "superseded" });
    expect((await next.over).how).toBe("complete");

    gate.close();
    gate.step(2);
    const { job_id: id } = await one.client.createJob({ prompt: "c", max_tokens: 2_000 });
    const cut = await openStream({ url: `${one.url}/v1/jobs/${id}/stream` });
    await cut.event("its first token", ({ type }) => type === "token");
    const [first] = workers;
    first?.signal("SIGTERM");
    // The job moves between two steps, if it is at this worker.
    const stepping = setInterval(gate.step, 20);
    await first?.exited;
    clearInterval(stepping);
    gate.step(2);
    await cut.nextToken();
    await one[Symbol.asyncDispose]();
    gate.open();
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

    await nats.stop("SIGKILL");
    rmSync(folder, { recursive: true });
    await nats.start();
    await poll("the fleet to have its streams again", async () => {
      const answer = await fetch(`${other.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "d", max_tokens: 5 }),
      });
      return answer.ok;
    });
    expect([...refused]).toEqual([]);
  });

  test.each(Object.keys(passwords) as Role[])("gives a %s the rights of the table, and no others", async (role) => {
    await using nats = await startNats(groups, { configFile, env });
    const denied = await deniedTo(role, nats.url);
    expect(denied).toEqual(rights.filter(({ may }) => !may.includes(role)).map(({ what }) => what));
  });
});
