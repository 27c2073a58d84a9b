// Tests downloads from servers that are slow, wrong, changing or redirecting, and downloads to a full disk.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, relative } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { cutDownload, filesIn, newFolder } from "../../testing/folder.ts";
import { startModelServer, type ModelServer, type ModelServerOptions } from "../../testing/model-server.ts";
import { downloadModel, type DownloadOptions } from "./download.ts";
import { parseReference } from "../reference/parse-reference.ts";
import type { PullProgress } from "./progress.ts";
import { resolveModel } from "../reference/resolve-model.ts";

const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
/** Large enough for a span for each of four connections. */
const content = randomModel(20_000_000);
const other = randomModel(content.length);

function randomModel(size: number): Buffer {
  return Buffer.concat([Buffer.from("GGUF"), randomBytes(size - 4)]);
}

let folder: string;
beforeEach(() => void (folder = newFolder()));

/** All files below the folder, without the records, which catalogue.test.ts tests. */
const filesThere = () => filesIn(folder).filter((name) => !name.endsWith(".gguf.json"));

const isModel = (path: string, bytes: Buffer) => bytes.equals(readFileSync(path));

/** All requested ranges, without requests for the first byte only. */
const askedRanges = ({ requests }: ModelServer) =>
  requests.flatMap((line) => {
    const [, from = "", to = "0"] = /bytes=(\d+)-(\d+)$/.exec(line) ?? [];
    return to === "0" ? [] : [{ from: Number(from), to: Number(to) }];
  });

/** Downloads with options that `pullModel` does not have. */
async function download(reference: string, server: ModelServer, options: Partial<DownloadOptions>): Promise<string> {
  const { path } = await downloadModel(reference, parseReference(reference, server.url) as never, {
    folder,
    endpoint: server.url,
    ollamaEndpoint: server.url,
    credentials: undefined,
    connections: 4,
    stallTimeoutMs: 60_000,
    update: false,
    projector: true,
    signal: undefined,
    onProgress: undefined,
    ...options,
  });
  return path;
}

describe("several connections", () => {
  test("download different bytes of a file at the same time", async () => {
    let begun = 0;
    let allBegun = (): void => {};
    const fourBegun = new Promise<void>((resolve) => (allBegun = resolve));
    await using server = await startModelServer({
      content,
      etag: '"1"',
      // The server sends the second piece of an answer after all four connections have sent a request.
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

  test("are fewer if the server accepts fewer", async () => {
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

  test("become one if the server does not support ranges, although it announced them", async () => {
    await using server = await startModelServer({ content, etag: '"1"', ignoreRanges: true });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
    expect(server.requests.at(-1)).toBe("GET /story.gguf ");
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("are replaced if they are silent", async () => {
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
    // A silent connection is replaced after half of this, and then the new one has the other half for its first byte.
    const path = await download("hf:waggle/story/story.gguf", server, { stallTimeoutMs: 6_000 });
    expect(silenced).toBe(true);
    expect(isModel(path, content)).toBe(true);
  });

  test("only download what an interrupted download has not received", async () => {
    await using server = await startModelServer({
      content,
      linkedSha256: sha256Of(content),
      beforePiece: async () => await nextTurn(),
    });
    const options = { folder, endpoint: server.url, offline: false };
    const reference = "hf:waggle/story/story.gguf";
    await cutDownload(
      (more) => resolveModel(reference, { ...options, ...more }),
      ({ doneBytes }) => doneBytes > 8_000_000,
    );
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

  test("download everything again if the journal is invalid", async () => {
    await using server = await startModelServer({ content, etag: '"1"' });
    const reference = `${server.url}/story.gguf`;
    await cutDownload(
      (more) => resolveModel(reference, { folder, offline: false, ...more }),
      ({ doneBytes }) => doneBytes > 8_000_000,
    );
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
      "by the hub's hash",
      { content, linkedSha256: sha256Of(content) },
      { content: other, linkedSha256: sha256Of(other) },
    ],
  ])("between two ranges is recognised %s, and downloaded again", async (_, before, after) => {
    await using server = await startModelServer({ content, fileAt: (answers) => (answers < 2 ? before : after) });
    const path = await resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    expect(isModel(path, after.content)).toBe(true);
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("again and again is rejected", async () => {
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
  test("and too few bytes is rejected", async () => {
    await using server = await startModelServer({ content, etag: '"1"', saysBytes: 2 * content.length });
    const refused = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    await expect(refused).rejects.toThrow(/: the server has fewer bytes than it announced$/);
    expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });

  test("that ends each answer early gets new requests until it sends no bytes any more", async () => {
    await using server = await startModelServer({
      content,
      etag: '"1"',
      cutAfter: (answer) => (answer < 8 ? 1_000_000 : 0),
    });
    const refused = download(`${server.url}/story.gguf`, server, { stallTimeoutMs: 500 });
    await expect(refused).rejects.toThrow(/: nothing arrived for 0.5 s$/);
    expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });

  test("and too many bytes is recognised by the hash", async () => {
    const linkedSha256 = sha256Of(content);
    await using server = await startModelServer({ content, linkedSha256, saysBytes: content.length - 1 });
    const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    await expect(refused).rejects.toThrow("the file is damaged");
    expect(filesThere()).toEqual([]);
  });

  test("that contradicts the hub is rejected before the download", async () => {
    await using server = await startModelServer({ content, headers: { "x-linked-size": "19999999" } });
    const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
    await expect(refused).rejects.toThrow(": the hub announced 19999999 bytes, but the file has 20000000");
    expect(askedRanges(server)).toEqual([]);
  });

  test("that sends more than was requested does no harm", async () => {
    await using server = await startModelServer({ content, etag: '"1"', extraBytes: 100_000 });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(isModel(path, content)).toBe(true);
  });
});

test("a server that answers with another range is rejected", async () => {
  await using server = await startModelServer({ content, etag: '"1"', shiftedBytes: 1 });
  const refused = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
  await expect(refused).rejects.toThrow(/: the file changed while it was downloaded$/);
  expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
});

describe("a file that is not a model", () => {
  const page = Buffer.from("<html>Log in to continue".padEnd(3_000_000));

  test.each<[string, Omit<ModelServerOptions, "content">]>([
    ["is rejected by its first bytes, and leaves no file", { etag: '"1"' }],
    ["is rejected even if the server does not support ranges", { chunked: true }],
    ["is rejected even if its hash is right", { linkedSha256: sha256Of(page) }],
  ])("%s", async (_name, options) => {
    let refuse = (): void => {};
    const isRefused = new Promise<void>((resolve) => (refuse = resolve));
    await using server = await startModelServer({
      ...options,
      content: page,
      // The server stops after the first piece: the download must fail before.
      beforePiece: async (at) => await (at === 0 ? undefined : isRefused),
    });
    const pulling = download(`${server.url}/login.gguf`, server, { connections: 1 }).finally(() => refuse());
    await expect(pulling).rejects.toThrow(/^Cannot download model .*: the server's file is not a GGUF file\.?$/);
    expect(filesThere()).toEqual([]);
  });

  test("is rejected even if it is shorter than the magic number", async () => {
    await using server = await startModelServer({ content: Buffer.from("GG"), chunked: true });
    const refused = download(`${server.url}/short.gguf`, server, {});
    await expect(refused).rejects.toThrow("not a GGUF file");
    expect(filesThere()).toEqual([]);
  });
});

test("tokens and cookies are not sent to other hosts", async () => {
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

test("a damaged file is recognised and removed, whichever connection received the damage", async () => {
  const damaged = Buffer.from(content);
  damaged[12_345_678] = (damaged[12_345_678] ?? 0) ^ 1;
  await using server = await startModelServer({ content: damaged, linkedSha256: sha256Of(content) });
  const refused = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url, offline: false });
  await expect(refused).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining(`its SHA-256 is ${sha256Of(damaged)}, expected ${sha256Of(content)}`),
  });
  expect(filesThere()).toEqual([]);
});

test("a full disk ends the download, and the next attempt resumes it", async () => {
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
    message: `Cannot download model ${reference}: the disk of ${folder} is full; free some space and try again: the download then continues`,
  });
  expect(filesThere().filter((name) => name.endsWith(".gguf"))).toEqual([]);
  let first: PullProgress | undefined;
  const onProgress = (report: PullProgress) => report.stage === "downloading" && (first ??= report);
  const path = await download(reference, server, { onProgress });
  expect(first?.doneBytes).toBe(9_000_000);
  expect(isModel(path, content)).toBe(true);
});
