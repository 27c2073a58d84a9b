// Downloads from servers that are slow, lie, change their mind, or send on to others, and to disks that are full.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startModelServer, type ModelServer, type ModelServerOptions } from "../../testing/model-server.ts";
import { downloadModel, type DownloadOptions } from "./download.ts";
import { parseReference } from "../reference/parse-reference.ts";
import type { PullProgress } from "./progress.ts";
import { resolveModel } from "../reference/resolve-model.ts";

const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
/** Enough for a piece for each of four connections. */
const content = randomModel(20_000_000);
const other = randomModel(content.length);

function randomModel(size: number): Buffer {
  return Buffer.concat([Buffer.from("GGUF"), randomBytes(size - 4)]);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-hub-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const filesThere = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    // The records have tests apart.
    .filter((name) => !name.endsWith(".gguf.json"))
    .toSorted();

const isModel = (path: string, bytes: Buffer) => bytes.equals(readFileSync(path));

/** Of all ranges but the first byte. */
const askedRanges = ({ requests }: ModelServer) =>
  requests.flatMap((line) => {
    const [, from = "", to = "0"] = /bytes=(\d+)-(\d+)$/.exec(line) ?? [];
    return to === "0" ? [] : [{ from: Number(from), to: Number(to) }];
  });

/** With limits that a test can wait for. */
async function download(reference: string, server: ModelServer, options: Partial<DownloadOptions>): Promise<string> {
  const { path } = await downloadModel(reference, parseReference(reference, server.url) as never, {
    folder,
    endpoint: server.url,
    ollamaEndpoint: server.url,
    credentials: undefined,
    connections: 4,
    stallTimeoutMs: 60_000,
    update: false,
    signal: undefined,
    onProgress: undefined,
    ...options,
  });
  return path;
}

describe("several connections", () => {
  test("fetch a file side by side, each its own bytes", async () => {
    let begun = 0;
    let allBegun = (): void => {};
    const fourBegun = new Promise<void>((resolve) => (allBegun = resolve));
    await using server = await startModelServer({
      content,
      etag: '"1"',
      // No connection gets a second piece before all four have sent a request.
      beforePiece: async (at) => {
        if (at % 5_000_000 === 0 && (begun += 1) === 4) allBegun();
        await fourBegun;
      },
    });
    const progress: PullProgress[] = [];
    const path = await resolveModel(`${server.url}/story.gguf`, {
      folder,
      offline: false,
      onProgress: (report) => progress.push(report),
    });
    expect(isModel(path, content)).toBe(true);
    expect(server.mostOpen).toBe(4);
    const [first, ...others] = askedRanges(server).toSorted((a, b) => a.from - b.from);
    expect(first?.from).toBe(0);
    expect(others.slice(0, 3).map(({ from }) => from)).toEqual([5_000_000, 10_000_000, 15_000_000]);
    const done = progress.map(({ doneBytes }) => doneBytes);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(content.length);
  });

  test("are fewer where the server takes fewer", async () => {
    await using server = await startModelServer({
      content,
      etag: '"1"',
      mostAtOnce: 1,
      beforePiece: async () => await nextTurn(),
    });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
    expect(server.mostOpen).toBe(1);
  });

  test("are one where the server knows no ranges, even where it announced them", async () => {
    await using server = await startModelServer({ content, etag: '"1"', ignoreRanges: true });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
    expect(server.requests.at(-1)).toBe("GET /story.gguf ");
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("replace one that has fallen silent", async () => {
    let silenced = false;
    await using server = await startModelServer({
      content,
      linkedSha256: sha256Of(content),
      beforePiece: async (at) => {
        if (at !== 5_000_000 || silenced) return;
        silenced = true;
        await new Promise(() => {});
      },
    });
    const path = await download("hf:waggle/story/story.gguf", server, { stallTimeoutMs: 1_000 });
    expect(silenced).toBe(true);
    expect(isModel(path, content)).toBe(true);
  });

  test("continue the pieces of a process that ended, and nothing else", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({
      content,
      linkedSha256: sha256Of(content),
      beforePiece: async () => await nextTurn(),
    });
    const options = { folder, endpoint: server.url, offline: false };
    const reference = "hf:waggle/story/story.gguf";
    const cut = resolveModel(reference, {
      ...options,
      signal: stopped.signal,
      onProgress: ({ doneBytes }) => doneBytes > 8_000_000 && stopped.abort(),
    });
    await expect(cut).rejects.toThrow("aborted");
    const before = askedRanges(server).length;
    let first: PullProgress | undefined;
    const path = await resolveModel(reference, {
      ...options,
      onProgress: (report) => report.stage === "downloading" && (first ??= report),
    });
    expect(isModel(path, content)).toBe(true);
    expect(first?.doneBytes).toBeGreaterThan(8_000_000);
    const starts = askedRanges(server)
      .slice(before)
      .map(({ from }) => from);
    expect(starts.every((from) => from % 5_000_000 !== 0)).toBe(true);
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("begin again when the journal makes no sense", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({ content, etag: '"1"' });
    const reference = `${server.url}/story.gguf`;
    const cut = resolveModel(reference, {
      folder,
      offline: false,
      signal: stopped.signal,
      onProgress: ({ doneBytes }) => doneBytes > 8_000_000 && stopped.abort(),
    });
    await expect(cut).rejects.toThrow("aborted");
    const [partial = "", note = ""] = filesThere();
    expect(JSON.parse(readFileSync(join(folder, note), "utf8"))).toMatchObject({
      ranges: [[0, expect.any(Number)], {}, {}, {}],
    });
    writeFileSync(join(folder, note), "{");
    writeFileSync(join(folder, partial), Buffer.alloc(content.length, "x"));
    const path = await resolveModel(reference, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
  });
});

describe("a file that changes on the server", () => {
  test.each([
    ["by its ETag", { content, etag: '"old"' }, { content: other, etag: '"new"' }],
    ["by its size", { content, etag: '"1"' }, { content: other.subarray(0, -1_000), etag: '"1"' }],
    [
      "by the hash that the hub tells",
      { content, linkedSha256: sha256Of(content) },
      { content: other, linkedSha256: sha256Of(other) },
    ],
  ])("between two ranges is seen %s, and begun again", async (_, before, after) => {
    await using server = await startModelServer({ content, fileAt: (answers) => (answers < 2 ? before : after) });
    const path = await resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    expect(isModel(path, after.content)).toBe(true);
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("all the time is refused", async () => {
    await using server = await startModelServer({
      content,
      fileAt: (answers) => ({ content: answers % 2 === 0 ? content : other, etag: `"${answers}"` }),
    });
    const refused = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    await expect(refused).rejects.toThrow(/: the file changed while it was downloaded$/);
    expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });
});

describe("a server with a wrong length", () => {
  test("and too few bytes is refused", async () => {
    await using server = await startModelServer({ content, etag: '"1"', saysBytes: 2 * content.length });
    const refused = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    await expect(refused).rejects.toThrow(/: the server has fewer bytes than it announced$/);
    expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });

  test("and ends each answer early, is asked again until nothing comes any more", async () => {
    await using server = await startModelServer({
      content,
      etag: '"1"',
      cutAfter: (answer) => (answer < 8 ? 1_000_000 : 0),
    });
    const refused = download(`${server.url}/story.gguf`, server, { stallTimeoutMs: 500 });
    await expect(refused).rejects.toThrow(/: nothing arrived for 0.5 s$/);
    expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });

  test("and too many bytes is found by the hash", async () => {
    const linkedSha256 = sha256Of(content);
    await using server = await startModelServer({ content, linkedSha256, saysBytes: content.length - 1 });
    const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    await expect(refused).rejects.toThrow("the file is damaged");
    expect(filesThere()).toEqual([]);
  });

  test("and is another than the hub speaks of, is refused before anything is fetched", async () => {
    await using server = await startModelServer({ content, headers: { "x-linked-size": "19999999" } });
    const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    await expect(refused).rejects.toThrow(": the hub speaks of 19999999 bytes, and what it leads to has 20000000");
    expect(askedRanges(server)).toEqual([]);
  });

  test("and sends more than was requested, is read no further", async () => {
    await using server = await startModelServer({ content, etag: '"1"', extraBytes: 100_000 });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
  });
});

test("a server that sends other bytes than it was asked for is refused", async () => {
  await using server = await startModelServer({ content, etag: '"1"', shiftedBytes: 1 });
  const refused = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
  await expect(refused).rejects.toThrow(/: the file changed while it was downloaded$/);
  expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
});

describe("a file that is not a model", () => {
  const page = Buffer.from("<html>Log in to continue".padEnd(3_000_000));

  test.each<[string, Omit<ModelServerOptions, "content">]>([
    ["is refused at its beginning, and nothing of it stays", { etag: '"1"' }],
    ["is refused where the server knows no ranges", { chunked: true }],
    ["is refused whatever its hash", { linkedSha256: sha256Of(page) }],
  ])("%s", async (_name, options) => {
    let refuse = (): void => {};
    const isRefused = new Promise<void>((resolve) => (refuse = resolve));
    await using server = await startModelServer({
      ...options,
      content: page,
      // Nothing but the first piece comes before it is refused.
      beforePiece: async (at) => await (at === 0 ? undefined : isRefused),
    });
    const pulling = download(`${server.url}/login.gguf`, server, { connections: 1 }).finally(() => refuse());
    await expect(pulling).rejects.toThrow(/^Cannot download model .*: what the server sends is not a GGUF file\.?$/);
    expect(filesThere()).toEqual([]);
  });

  test("is refused when it is shorter than the beginning of a model", async () => {
    await using server = await startModelServer({ content: Buffer.from("GG"), chunked: true });
    const refused = download(`${server.url}/short.gguf`, server, {});
    await expect(refused).rejects.toThrow("not a GGUF file");
    expect(filesThere()).toEqual([]);
  });
});

test("a trickle is no stall", async () => {
  const little = content.subarray(0, 12_000);
  await using server = await startModelServer({
    content: little,
    etag: '"1"',
    pieceBytes: 1_000,
    beforePiece: async () => await new Promise((resolve) => setTimeout(resolve, 100)),
  });
  const path = await download(`${server.url}/story.gguf`, server, { stallTimeoutMs: 1_000 });
  expect(isModel(path, little)).toBe(true);
});

test("no byte of a token and no cookie reaches another host", async () => {
  await using elsewhere = await startModelServer({ content, openToAll: true });
  await using hub = await startModelServer({
    content,
    redirectTo: elsewhere.url,
    linkedSha256: sha256Of(content),
    headers: { "set-cookie": "session=cookie-5ecre7; Path=/" },
  });
  const options = { folder, endpoint: hub.url, offline: false, token: "a-token" };
  const path = await resolveModel("hf:waggle/secret/story.gguf", options);
  expect(isModel(path, content)).toBe(true);
  expect(hub.authorizations).toContain("Bearer a-token");
  expect(elsewhere.mostOpen).toBeGreaterThan(0);
  for (const text of elsewhere.received) expect(text).not.toMatch(/a-token|5ecre7|authorization|cookie|bearer/i);
});

test("a damaged piece is found, whichever connection brought it, and nothing stays", async () => {
  const damaged = Buffer.from(content);
  damaged[12_345_678] = (damaged[12_345_678] ?? 0) ^ 1;
  await using server = await startModelServer({ content: damaged, linkedSha256: sha256Of(content) });
  const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
  await expect(refused).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining(`its SHA-256 is ${sha256Of(damaged)}, and ${sha256Of(content)} is right`),
  });
  expect(filesThere()).toEqual([]);
});

test("a disk that fills up in the middle ends the download, and the bytes there are continued", async () => {
  await using server = await startModelServer({ content, linkedSha256: sha256Of(content) });
  const reference = "hf:waggle/story/story.gguf";
  let room = 9_000_000;
  const openFile: typeof open = async (...args) => {
    const file = await open(...args);
    const write = file.write.bind(file) as (...all: unknown[]) => unknown;
    return Object.assign(file, {
      write: async (bytes: Buffer, offset: number, length: number, at: number) => {
        const takes = Math.min(length, room);
        if (takes === 0) throw Object.assign(new Error("no space left"), { code: "ENOSPC", syscall: "write" });
        room -= takes;
        return await write(bytes, offset, takes, at);
      },
    });
  };
  await expect(download(reference, server, { openFile })).rejects.toMatchObject({
    code: "unavailable",
    message: `Cannot download model ${reference}: the disk is full; what has arrived stays, and is continued when there is room`,
  });
  expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  let first: PullProgress | undefined;
  const onProgress = (report: PullProgress) => report.stage === "downloading" && (first ??= report);
  const path = await download(reference, server, { onProgress });
  expect(first?.doneBytes).toBe(9_000_000);
  expect(isModel(path, content)).toBe(true);
});
