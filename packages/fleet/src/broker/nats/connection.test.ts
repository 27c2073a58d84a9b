import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { TimeoutError } from "@nats-io/transport-node";
import { createFakeClock, needs } from "@waggle/testing";
import { createLogger } from "@waggle/telemetry";
import { describe, expect, test } from "vitest";
import { linkTo, openLink, useNats, whenUp } from "../../testing/nats.ts";
import type { ConnectionOptions, NatsLink } from "./connection.ts";
import { jobsStream } from "./topology.ts";

function open(url: string, more: Partial<ConnectionOptions> = {}): NatsLink {
  return openLink(url, { clock: createFakeClock(), ...more });
}

describe("a server that is not allowed", () => {
  const creds = path.join(tmpdir(), "no-such.creds");
  test.each([
    ["", "it names no server"],
    ["nats://", "it names no server"],
    ["http://127.0.0.1", "its scheme is neither nats nor tls"],
    ["nats://127.0.0.1:99999", "it is no URL"],
    ["nats://127.0.0.1,", "it names no server"],
    ["nats://nats.example:4222", "nats.example is another machine: use tls://, or set --nats-insecure"],
    ["nats.example", "nats.example is another machine: use tls://, or set --nats-insecure"],
    ["nats://10.0.0.1", "10.0.0.1 is another machine: use tls://"],
    ["nats://127.0.0.1.example", "127.0.0.1.example is another machine: use tls://"],
    ["nats://[2001:db8::1]", "[2001:db8::1] is another machine: use tls://"],
    ["tls://nats.example", "nats.example is another machine: set --nats-creds or --nats-insecure"],
    ["nats://127.0.0.1,nats://nats.example", "nats.example is another machine"],
    ["tls://u:%zz@nats.example", "its credentials are not percent-encoded"],
  ])("%j is refused", (url, why) => {
    expect(() => open(url)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(why) }),
    );
  });

  test.each(["nats://me:s3cret@nats.example", "me:s3cret@nats.example:99999", "nats://me:s3@cret@h,nats://u:s3cret@h"])(
    "%j is refused without its password in the message",
    (url) => {
      expect(() => open(url)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/s3|cret|me:/) }));
    },
  );

  test("the error for unreadable credentials names their file", () => {
    expect(() => open("tls://nats.example", { credsFile: creds })).toThrow(
      `Cannot read --nats-creds ${creds}: no such file`,
    );
  });
});

test("an unreachable server is logged in one line, without a stack", async () => {
  let connection: NatsLink | undefined;
  const line = await new Promise<string>((resolve) => {
    const log = createLogger({ level: "info", format: "json", name: "test", destination: { write: resolve } });
    connection = open("nats://me:s3cret@127.0.0.1:1", { log });
  });
  await connection?.close();
  expect(line).toContain('"reason":"connection refused');
  expect(line).not.toMatch(/stack|s3cret/);
});

describe("a connection", needs("nats-server"), () => {
  const folder = mkdtempSync(path.join(tmpdir(), "waggle-nats-"));
  const nats = useNats({ folder });

  test("has all stores again when it is back and the server has lost its storage", async () => {
    const link = await linkTo(nats.url);
    await nats.server.stop("SIGKILL");
    await whenUp(link, false);
    rmSync(folder, { recursive: true });
    await nats.server.start();
    await whenUp(link);
    expect((await link.use().jsm.streams.info(jobsStream)).config.name).toBe(jobsStream);
  });

  test("is allowed to this machine, and to other machines with --nats-insecure; `use` throws unavailable until it is connected", async () => {
    for (const url of [
      "nats://LOCALHOST:1",
      "127.0.0.2:1",
      "nats://[::1]:1",
      "nats://u:p@127.0.0.1:1,tls://127.0.0.1:1",
    ]) {
      const connection = open(url);
      expect(connection.connected).toBe(false);
      expect(() => connection.use()).toThrow(expect.objectContaining({ code: "unavailable", retryAfterS: 2 }));
      await connection.close();
    }
    await open("nats://nats.invalid", { insecure: true }).close();
  });

  test("finds the running server among several", async () => {
    expect((await linkTo(`nats://127.0.0.1:1,${nats.url}`)).connected).toBe(true);
  });

  test("reports each start and each loss of the server once", async () => {
    await nats.server.stop();
    const connection = openLink(nats.url);
    const changes: string[] = [];
    connection.onChange((connected, first) =>
      changes.push(`${connected === undefined ? "gone" : "there"}${first ? " first" : ""}`),
    );
    await nats.server.start();
    await whenUp(connection);
    await nats.server.stop("SIGKILL");
    await whenUp(connection, false);
    await nats.server.start();
    await whenUp(connection);
    expect(changes).toEqual(["there first", "gone", "there"]);
    await connection.close();
    expect(changes).toHaveLength(3);
  });

  test("begins no subscription anew after a late answer, but after another member has made a store again", async () => {
    const checks: boolean[] = [];
    const write = (line: string): void => {
      const { msg, replaced } = JSON.parse(line) as { msg: string; replaced: boolean };
      if (msg === "nats_stores_checked") checks.push(replaced);
    };
    const log = createLogger({ level: "info", format: "json", name: "test", destination: { write } });
    const clock = createFakeClock();
    const link = await linkTo(nats.url, { log, clock });
    const admin = await linkTo(nats.url);
    let begun = 0;
    link.onChange(() => (begun += 1));
    for (const [index, wanted] of [1, 2].entries()) {
      const late = link.call("wait", async () => await Promise.reject(new TimeoutError()));
      await expect(late).rejects.toMatchObject({ code: "unavailable" });
      await expect.poll(() => checks).toHaveLength(index + 1);
      expect(begun).toBe(wanted);
      clock.advance(5_000);
      await admin.use().jsm.streams.delete(jobsStream);
      await admin.checkStores();
    }
    expect(checks).toEqual([false, true]);
  });

  test("leaves streams with other limits as they are", async () => {
    const connection = await linkTo(nats.url, { limits: { jobs: 5 } });
    const limits = async (): Promise<number> => (await connection.use().jsm.streams.info(jobsStream)).config.max_msgs;
    expect(await limits()).toBe(10_000);
  });
});
