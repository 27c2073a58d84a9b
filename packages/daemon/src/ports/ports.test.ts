import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { needs } from "@waggle/testing";
import { afterEach, describe, expect, it } from "vitest";
import { lsofHolder, lsofPorts } from "./lsof.ts";
import { findPortHolder, listPortsOf } from "./ports.ts";

const servers: Server[] = [];

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map(close));
});

describe("findPortHolder", () => {
  it("finds this process, with its command line", async () => {
    const port = await listen("127.0.0.1");
    const holder = await findPortHolder(port);
    expect(holder?.pid).toBe(process.pid);
    expect(holder?.command).not.toBe("");
  });

  it("finds a listener on any IPv4 address, and no process once the listener is closed", async () => {
    const port = await listen("0.0.0.0");
    expect((await findPortHolder(port))?.pid).toBe(process.pid);
    await close(servers.pop() as Server);
    expect(await findPortHolder(port)).toBeUndefined();
  });

  it("does not confuse a client's port with a listener's port", async () => {
    const port = await listen("127.0.0.1");
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    expect(await findPortHolder(client.localPort as number)).toBeUndefined();
    client.destroy();
    await once(client, "close");
  });

  it.each([-1, 0, 70_000, Number.NaN])("finds no process for the impossible port %s", async (port) => {
    expect(await findPortHolder(port)).toBeUndefined();
  });
});

describe("listPortsOf", () => {
  it("lists the ports of several processes, each once, in ascending order", async () => {
    const own = [await listen("127.0.0.1"), await listen("127.0.0.1")];
    const script =
      'const s = require("net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))';
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(String(line));

    expect(await listPortsOf([child.pid as number])).toEqual([port]);
    const all = await listPortsOf([process.pid, child.pid as number, process.pid]);
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining([...own, port]));
    const holder = await findPortHolder(port);
    expect(holder).toEqual({ pid: child.pid, command: expect.stringContaining("createServer") as string });

    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await listPortsOf([child.pid as number])).toEqual([]);
  });

  it("lists no ports for an empty list and for processes that do not exist", async () => {
    expect(await listPortsOf([])).toEqual([]);
    expect(await listPortsOf([2 ** 30, -1, Number.NaN])).toEqual([]);
  });
});

describe("lsof", needs("lsof"), () => {
  it("gives the same answers as /proc", async () => {
    const port = await listen("127.0.0.1");
    expect((await lsofHolder(port))?.pid).toBe(process.pid);
    expect(await lsofPorts([process.pid, 2 ** 30])).toContain(port);
    await close(servers.pop() as Server);
    expect(await lsofHolder(port)).toBeUndefined();
  });
});
