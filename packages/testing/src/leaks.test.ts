import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { expectNoLeaks } from "./leaks.ts";

describe("expectNoLeaks", () => {
  it("passes when all resources have closed, even if that takes a while", async () => {
    const check = expectNoLeaks();
    const server = createServer().listen(0, "127.0.0.1");
    const timer = setTimeout(() => {}, 60_000);
    const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
    const fired = new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all([once(server, "listening"), once(child, "exit"), fired]);
    server.close();
    clearTimeout(timer);
    await expect(check()).resolves.toBeUndefined();
  });

  it("names the leaks, and where they were created", async () => {
    const check = expectNoLeaks(100);
    const server = createServer().listen(0, "127.0.0.1");
    const timers = [setTimeout(() => {}, 60_000), setTimeout(() => {}, 60_000)];
    const error: unknown = await check().catch((thrown: unknown) => thrown);
    server.close();
    for (const timer of timers) clearTimeout(timer);
    const { message } = error as Error;
    expect(message).toMatch(/^Resources were left behind: /);
    expect(message.match(/Timeout created at [^,]*leaks\.test\.ts/g)).toHaveLength(2);
    expect(message).toContain("TCPSERVERWRAP");
  });

  it("ignores older resources, those of other work, and those that do not keep the process alive", async () => {
    const before = setTimeout(() => {}, 60_000);
    let later: NodeJS.Timeout | undefined;
    const other = new Promise<void>((resolve) =>
      setImmediate(() => resolve(void (later = setTimeout(() => {}, 60_000)))),
    );
    const check = expectNoLeaks();
    const unrefd = setTimeout(() => {}, 60_000).unref();
    await other;
    await expect(check()).resolves.toBeUndefined();
    clearTimeout(before);
    clearTimeout(later);
    clearTimeout(unrefd);
  });
});
