// Tests a hive that listens on the network: access by token, a worker's reports, and draining a worker.
import { mkdtemp, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createHiveClient } from "@waggle/client";
import { createGate, poll } from "@waggle/testing/harness";
import { afterEach, describe, expect, it } from "vitest";
import { killDaemons, runDaemon, spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";

afterEach(killDaemons);

const token = "of-the-whole-fleet";
/** Address of this machine on its network; the loopback address without a network. */
const address =
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";

describe("a hive on the network", () => {
  it("does not start without a token", async () => {
    const { code, stdout, stderr } = await runDaemon("hive", ["--port", "0", "--host", "0.0.0.0"]);
    expect([code, stdout]).toEqual([64, ""]);
    expect(stderr).toContain("Cannot use --host 0.0.0.0 without a token");
  });

  it("shows a worker's reports, and drains it without ending its running stream", async () => {
    const env = { WAGGLE_HIVE_TOKEN: token };
    const { url } = await spawnDaemon("hive", ["--port", "0", "--host", "0.0.0.0"], { env });
    const baseUrl = `http://${address}:${new URL(url).port}`;
    for (const [headers, status] of [
      [{}, 401],
      [{ authorization: "Bearer somebody-elses" }, 401],
      [{ authorization: `Bearer ${token}` }, 200],
    ] as const) {
      expect((await fetch(`${baseUrl}/v1/workers`, { headers })).status).toBe(status);
    }
    expect((await fetch(baseUrl)).status).toBe(200);

    const flags = ["--hive-url", baseUrl, "--worker-id", "w1", "--heartbeat-interval", "200ms"];
    using gate = await createGate();
    const worker = await spawnFakeWorker([...flags, ...gate.flags], { env });
    const hive = createHiveClient({ baseUrl, token });
    const { job_id: jobId } = await worker.client.createJob({
      prompt: "once",
      max_tokens: 2_000,
      on_disconnect: "continue",
    });
    const stream = (async () => {
      const events = [];
      for await (const event of worker.client.streamJob(jobId)) events.push(event);
      return events;
    })();
    await poll("the worker's busy slot and its tokens at the hive", async () => {
      // A heartbeat reports the tokens since the heartbeat before.
      gate.step();
      const [known] = await hive.workers();
      return known?.slots.busy === 1 && (known.last_heartbeat?.tokens_per_second ?? 0) > 0;
    });

    expect((await hive.drain("w1")).command).toBe("drain");
    await worker.log.line("the drain", (line) => line["to"] === "draining");
    gate.open();
    expect((await stream).at(-1)).toMatchObject({ type: "end", finish_reason: "length" });
    expect((await worker.exited).code).toBe(0);
    expect(await hive.workers()).toEqual([]);
    expect(worker.log.text).toContain("hive_command");
    expect(worker.log.text).not.toContain(token);
  });

  it("grants each token the rights in the token file, and reads the file again on SIGHUP", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waggle-"));
    const file = join(folder, "tokens");
    await writeFile(file, "worker:of-a-worker\nscreen:of-a-screen monitor\n");
    const hive = await spawnDaemon("hive", ["--port", "0", "--host", "0.0.0.0", "--api-token-file", file]);
    const baseUrl = `http://${address}:${new URL(hive.url).port}`;
    const env = { WAGGLE_HIVE_TOKEN: "of-a-worker" };
    await spawnFakeWorker(["--hive-url", baseUrl, "--worker-id", "w1"], { env });
    const screen = createHiveClient({ baseUrl, token: "of-a-screen" });
    await poll("the worker at the hive", async () => (await screen.workers()).length === 1);
    await expect(screen.drain("w1")).rejects.toMatchObject({ code: "forbidden" });
    const nosy = createHiveClient({ baseUrl, token: "of-a-worker" });
    await expect(nosy.workers()).rejects.toMatchObject({ code: "forbidden" });
    await writeFile(file, "worker:of-a-worker\nscreen:of-another-screen admin\n");
    hive.signal("SIGHUP");
    await hive.log.line("the reload of the tokens", (line) => line["msg"] === "tokens_reloaded");
    await expect(screen.workers()).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await createHiveClient({ baseUrl, token: "of-another-screen" }).drain("w1")).toMatchObject({
      command: "drain",
    });
  });
});
