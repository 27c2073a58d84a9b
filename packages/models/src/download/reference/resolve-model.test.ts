import { createHash } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { cutDownload, filesIn, newFolder } from "../../testing/folder.ts";
import { startModelServer } from "../../testing/model-server.ts";
import { downloadModel } from "../transfer/download.ts";
import { parseReference } from "./parse-reference.ts";
import type { PullProgress } from "../transfer/progress.ts";
import { resolveModel } from "./resolve-model.ts";

const content = Buffer.alloc(1_000_000, "GGUF waggle ");
const longContent = Buffer.alloc(20_000_000, "GGUF waggle ");
const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

let folder: string;
beforeEach(() => void (folder = newFolder()));

/** All files below the folder, without the records, which catalogue.test.ts tests. */
const filesThere = () => filesIn(folder).filter((name) => !name.endsWith(".gguf.json"));

describe("a path", () => {
  test("is made absolute", async () => {
    const path = join(folder, "x.gguf");
    writeFileSync(path, "");
    expect(await resolveModel(relative(process.cwd(), path), { folder, offline: true })).toBe(path);
  });

  test("of a missing file is an error", async () => {
    await expect(resolveModel("/no/such.gguf", { folder, offline: true })).rejects.toMatchObject({
      code: "unavailable",
      message: "Cannot load model /no/such.gguf: no such file",
    });
  });
});

describe("a reference", () => {
  test("is downloaded with progress, and afterwards found without a network", async () => {
    await using server = await startModelServer({ content });
    const progress: PullProgress[] = [];
    const options = { folder, endpoint: server.url, onProgress: (report: PullProgress) => progress.push(report) };
    const path = await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: false });
    expect(path).toBe(join(folder, "hf_waggle_story_story.Q8_0.gguf"));
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(progress.at(-1)).toMatchObject({ doneBytes: content.length, totalBytes: content.length });
    expect(filesThere()).toEqual([basename(path)]);
    const asked = server.requests.length;
    expect(await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: true })).toBe(path);
    expect(server.requests).toHaveLength(asked);
  });

  test("may be a URL; the same file name at another URL is another file", async () => {
    await using server = await startModelServer({ content });
    const options = { folder, offline: false };
    const path = await resolveModel(`${server.url}/files/story.gguf?signature=1`, options);
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(basename(path)).toBe("story.gguf");
    const offline = { folder, offline: true };
    expect(await resolveModel(`${server.url}/files/story.gguf?signature=2`, offline)).toBe(path);
    await expect(resolveModel(`${server.url}/others/story.gguf`, offline)).rejects.toThrow("offline mode");
  });

  test("to a split model is downloaded with all its parts, and incomplete without one of them", async () => {
    await using server = await startModelServer({ content, manifestFile: "Q8_0/story-Q8_0-00001-of-00003.gguf" });
    const progress: PullProgress[] = [];
    const options = { folder, endpoint: server.url, onProgress: (report: PullProgress) => progress.push(report) };
    const names = [1, 2, 3].map((part) => `hf_waggle_story_story.Q8_0-0000${part}-of-00003.gguf`);
    const first = join(folder, names[0] ?? "");
    expect(await resolveModel("hf:waggle/story:q8_0", { ...options, offline: false })).toBe(first);
    expect(filesThere()).toEqual(names);
    expect(progress.at(-1)).toMatchObject({ doneBytes: 3 * content.length, totalBytes: 3 * content.length });
    expect(await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: true })).toBe(first);
    rmSync(join(folder, names[1] ?? ""));
    await expect(resolveModel("hf:waggle/story:Q8_0", { ...options, offline: true })).rejects.toThrow("offline mode");
    const asked = server.requests.length;
    await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: false });
    expect(filesThere()).toEqual(names);
    const fetched = server.requests.slice(asked).filter((line) => line.startsWith("GET") && line.endsWith(" "));
    expect(fetched).toEqual([
      "GET /v2/waggle/story/manifests/Q8_0 ",
      "GET /waggle/story/resolve/main/Q8_0/story-Q8_0-00002-of-00003.gguf?download=true ",
    ]);
  });

  test("is not downloaded offline", async () => {
    await expect(resolveModel("hf:waggle/story:Q8_0", { folder, offline: true })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^Cannot download model hf:waggle\/story:Q8_0: offline mode, and it is not in /),
    });
  });

  test.each([
    ["secret", /the server denied access \(HTTP 401\); it may need a token$/],
    ["missing", /the server has no such file \(HTTP 404\)$/],
  ])("to a %s file is rejected with the server's reason", async (name, reason) => {
    await using server = await startModelServer({ content });
    await expect(resolveModel(`${server.url}/${name}/x.gguf`, { folder, offline: false })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(reason),
    });
  });

  test("to an unreachable server is rejected at once", async () => {
    const { url } = await startAndStop();
    await expect(resolveModel(`${url}/x.gguf`, { folder, offline: false })).rejects.toThrow(
      `${url} cannot be reached (connection refused)`,
    );
  });

  test("to a busy server is requested again", async () => {
    await using server = await startModelServer({ content, busy: 3 });
    const path = await resolveModel(`${server.url}/x.gguf`, { folder, offline: false });
    expect(content.equals(readFileSync(path))).toBe(true);
    await using busier = await startModelServer({ content, busy: 4 });
    const refused = resolveModel(`${busier.url}/x.gguf`, { folder, offline: false });
    await expect(refused).rejects.toThrow("the server answered HTTP 503");
  });

  test("that is malformed is an invalid argument", async () => {
    await expect(resolveModel("hf:user", { folder, offline: false })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("Cannot resolve model hf:user: "),
    });
  });

  test("to a file that is larger than the disk is rejected before its download", async () => {
    // Announces a file of 10 PB, and sends no bytes.
    const answer = "HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\ncontent-range: bytes 0-0/1" + "0".repeat(16);
    let asked = 0;
    const server = createServer((socket) => {
      asked += 1;
      socket.once("data", () => socket.end(`${answer}\r\n\r\nx`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(resolveModel(`http://127.0.0.1:${port}/x.gguf`, { folder, offline: false })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/: the download needs 10000000\.0 GB, and .* has [\d.]+ [GM]B free$/),
    });
    expect(asked).toBe(1);
    server.close();
  });
});

describe("credentials", () => {
  test("give access to a private file", async () => {
    await using server = await startModelServer({ content });
    const options = { folder, endpoint: server.url, offline: false, token: "a-token" };
    const path = await resolveModel("hf:waggle/secret:Q8_0", options);
    expect(content.equals(readFileSync(path))).toBe(true);
    await resolveModel(`${server.url.replace("//", "//bee:pass@")}/secret/x.gguf`, { folder, offline: false });
    expect(server.authorizations.at(-1)).toBe(`Basic ${Buffer.from("bee:pass").toString("base64")}`);
  });

  test("are not sent to the target of a redirect", async () => {
    await using elsewhere = await startModelServer({ content, openToAll: true });
    await using hub = await startModelServer({ content, redirectTo: elsewhere.url });
    const options = { folder, endpoint: hub.url, offline: false, token: "a-token" };
    const path = await resolveModel("hf:waggle/secret/story.gguf", options);
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(hub.authorizations).toContain("Bearer a-token");
    expect(new Set(elsewhere.authorizations)).toEqual(new Set([undefined]));
  });

  test("are only sent to the hub, and not again after a redirect away and back", async () => {
    await using other = await startModelServer({ content });
    const options = { folder, offline: false, token: "a-token" };
    const refused = resolveModel(`${other.url}/secret/x.gguf`, { ...options, endpoint: "http://127.0.0.1:9/" });
    await expect(refused).rejects.toThrow("HTTP 401");
    await using back = await startModelServer({ content, redirectTo: other.url });
    const returned = resolveModel(`${back.url}/secret-place/x.gguf`, { ...options, endpoint: other.url });
    await expect(returned).rejects.toThrow("HTTP 401");
    expect([...other.authorizations, ...back.authorizations]).toEqual([undefined, undefined]);
  });

  test("and signatures are not part of errors", async () => {
    await using server = await startModelServer({ content });
    const url = `${server.url.replace("//", "//bee:pass-word@")}/missing/x.gguf?X-Amz-Signature=5ecre7`;
    const online = resolveModel(url, { folder, offline: false });
    await expect(online).rejects.toThrow(
      `Cannot download model ${server.url}/missing/x.gguf: the server has no such file`,
    );
    const offline = resolveModel(url, { folder, offline: true });
    await expect(offline).rejects.toThrow(`Cannot download model ${server.url}/missing/x.gguf: offline mode`);
    const wrong = resolveModel("https://bee:pass-word@[/x.gguf?5ecre7", { folder, offline: true });
    await expect(wrong).rejects.toThrow("Cannot resolve model https://[/x.gguf: it is not a URL");
  });
});

describe("the hash", () => {
  test("from the hub is checked, and a wrong file of the right size is removed", async () => {
    const linkedSha256 = sha256Of(Buffer.alloc(content.length, "elgaww "));
    await using cdn = await startModelServer({ content });
    await using hub = await startModelServer({ content, redirectTo: cdn.url, linkedSha256 });
    const wrong = resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: hub.url, offline: false });
    await expect(wrong).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(
        `: the file is damaged and was removed: its SHA-256 is ${sha256Of(content)}, expected ${linkedSha256}$`,
      ),
    });
    expect(filesThere()).toEqual([]);
  });

  test("from another host, after a redirect, does not count as the hub's", async () => {
    await using cdn = await startModelServer({ content, linkedSha256: "0".repeat(64) });
    await using hub = await startModelServer({ content, redirectTo: cdn.url, linkedSha256: sha256Of(content) });
    const path = await resolveModel("hf:waggle/story/story.gguf", { folder, endpoint: hub.url, offline: false });
    expect(content.equals(readFileSync(path))).toBe(true);
  });

  test("in a URL is checked, and decides the local folder", async () => {
    await using server = await startModelServer({ content });
    const right = `${server.url}/story.gguf#sha256=${sha256Of(content).toUpperCase()}`;
    const path = await resolveModel(right, { folder, offline: false });
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(await resolveModel(right, { folder, offline: true })).toBe(path);
    const wrong = `${server.url}/story.gguf#sha256=${"0".repeat(64)}`;
    await expect(resolveModel(wrong, { folder, offline: false })).rejects.toThrow(
      "the file is damaged and was removed",
    );
    expect(filesThere()).toEqual([relative(folder, path)]);
  });

  test("in a URL is rejected if it is malformed", async () => {
    const refused = resolveModel("https://host/x.gguf#sha256=abc", { folder, offline: false });
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("of a resumed download includes the earlier bytes", async () => {
    await using server = await startModelServer({ content: longContent, linkedSha256: sha256Of(longContent) });
    const options = { folder, endpoint: server.url, offline: false };
    const reference = "hf:waggle/story/story.gguf";
    await cutDownload(
      (more) => resolveModel(reference, { ...options, ...more }),
      ({ doneBytes }) => doneBytes > longContent.length / 2,
    );
    const [partial = ""] = filesThere();
    const bytes = readFileSync(join(folder, partial));
    bytes[5] = 0;
    writeFileSync(join(folder, partial), bytes);
    await expect(resolveModel(reference, options)).rejects.toThrow("is damaged");
    expect(longContent.equals(readFileSync(await resolveModel(reference, options)))).toBe(true);
  });
});

describe("a file without Content-Length", () => {
  test("is accepted if it is complete, and has progress without a total", async () => {
    await using server = await startModelServer({ content, chunked: true });
    const progress: PullProgress[] = [];
    const path = await resolveModel(`${server.url}/story.gguf`, {
      folder,
      offline: false,
      onProgress: (report) => progress.push(report),
    });
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(progress.at(-1)).toMatchObject({ doneBytes: content.length, totalBytes: undefined });
  });

  test("that ends early does not get the model's name", async () => {
    await using server = await startModelServer({ content, chunked: true, cutAfter: (answer) => answer * 300_000 });
    const broken = resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    await expect(broken).rejects.toThrow("the connection broke");
    expect(filesThere()).toEqual([]);
  });

  test("that ends with its connection is rejected, because it could be incomplete", async () => {
    const server = createServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nGGUF")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const refused = resolveModel(`http://127.0.0.1:${port}/x.gguf`, { folder, offline: false });
    await expect(refused).rejects.toThrow("the server does not say where the file ends");
    expect(filesThere()).toEqual([]);
    server.close();
  });
});

describe("an interrupted download", () => {
  test("by an abort leaves no file with the model's name, and is resumed later", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({ content: longContent, etag: '"1"', beforePiece: () => nextTurn() });
    const reference = `${server.url}/story.gguf`;
    const reason = new Error("enough");
    const downloading = resolveModel(reference, {
      folder,
      offline: false,
      signal: stopped.signal,
      onProgress: ({ doneBytes }) => doneBytes > longContent.length / 2 && stopped.abort(reason),
    });
    await expect(downloading).rejects.toBe(reason);
    expect(filesThere()).toEqual([
      expect.stringMatching(/^url-[\da-f]{12}\/story\.gguf\.[\da-f]{16}\.part$/),
      expect.stringMatching(/^url-[\da-f]{12}\/story\.gguf\.[\da-f]{16}\.part\.json$/),
    ]);
    await expect(resolveModel(reference, { folder, offline: true })).rejects.toThrow("offline mode");

    const before = server.requests.length;
    const path = await resolveModel(reference, { folder, offline: false });
    expect(longContent.equals(readFileSync(path))).toBe(true);
    expect(bytesAsked(server.requests.slice(before))).toBeLessThan(longContent.length / 2);
  });

  test("by an abort at the last byte does not have the model's name", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({ content: longContent, etag: '"1"' });
    const reference = "hf:waggle/story:Q8_0";
    const options = { folder, endpoint: server.url, offline: false };
    const reason = new Error("enough");
    const downloading = resolveModel(reference, {
      ...options,
      signal: stopped.signal,
      onProgress: ({ doneBytes, totalBytes }) => doneBytes === totalBytes && stopped.abort(reason),
    });
    await expect(downloading).rejects.toBe(reason);
    const path = await resolveModel(reference, options);
    expect(longContent.equals(readFileSync(path))).toBe(true);
  });

  test("by a broken connection is resumed at once", async () => {
    await using server = await startModelServer({
      content,
      etag: '"1"',
      cutAfter: (answer) => (answer < 4 ? 200_000 : undefined),
    });
    const path = await resolveModel(`${server.url}/story.gguf`, { folder, offline: false });
    expect(content.equals(readFileSync(path))).toBe(true);
    // The last bytes may be lost with the connection.
    const starts = server.requests.slice(2).map((line) => Number(/bytes=(\d+)-\d+$/.exec(line)?.[1]));
    expect(starts).toHaveLength(3);
    for (const [i, start] of starts.entries()) expect(start).toBeGreaterThan(starts[i - 1] ?? 0);
  });

  test("is never resumed with another version of the file", async () => {
    const old = Buffer.alloc(content.length, "GGUF old ");
    const options = { folder, offline: false };
    await using before = await startModelServer({ content: old, etag: '"old"' });
    // One folder for both servers: the address of a URL determines its folder.
    const place = (name: string) => join(folder, name);
    await cutDownload(
      (more) => resolveModel(`${before.url}/story.gguf`, { ...options, ...more }),
      ({ doneBytes }) => doneBytes > 300_000,
    );
    const partials = filesThere();
    expect(partials).toHaveLength(2);
    await using after = await startModelServer({ content, etag: '"new"' });
    const { name } = parseReference(`${after.url}/story.gguf`, "https://huggingface.co") as { name: string };
    mkdirSync(dirname(place(name)));
    for (const partial of partials) {
      writeFileSync(place(join(dirname(name), basename(partial))), readFileSync(place(partial)));
    }
    const path = await resolveModel(`${after.url}/story.gguf`, options);
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(readdirSync(dirname(path))).toEqual(["story.gguf", "story.gguf.json"]);
  });

  test("by a silent server fails after the stall timeout, which any byte restarts", async () => {
    let received = 0;
    await using server = await startModelServer({
      content,
      etag: '"1"',
      // Six pieces take longer than the stall timeout; then the server is silent.
      async beforePiece(at) {
        while (received < at) await nextTurn();
        const isSilent = at >= 6 << 16;
        vi.advanceTimersByTime(isSilent ? 600 : 120);
        if (isSilent) await new Promise(() => {});
      },
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const reference = `${server.url}/story.gguf`;
    const download = downloadModel(reference, parseReference(reference, server.url) as never, {
      folder,
      endpoint: server.url,
      ollamaEndpoint: server.url,
      credentials: undefined,
      connections: 4,
      update: false,
      projector: true,
      stallTimeoutMs: 600,
      signal: undefined,
      onProgress: ({ doneBytes }) => (received = doneBytes),
    });
    await expect(download).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/nothing arrived for 0.6 s$/),
    });
    expect(received).toBe(6 << 16);
  });
});

describe("two downloads of the same model", () => {
  test("fetch it once, and both return it", async () => {
    await using server = await startModelServer({ content, etag: '"1"', beforePiece: () => nextTurn() });
    const reference = `${server.url}/story.gguf`;
    const paths = await Promise.all([1, 2, 3].map(() => resolveModel(reference, { folder, offline: false })));
    expect(new Set(paths).size).toBe(1);
    expect(content.equals(readFileSync(paths[0] ?? ""))).toBe(true);
    expect(server.requests.filter((line) => !line.includes("bytes=0-0"))).toHaveLength(1);
    expect(filesThere()).toEqual([relative(folder, paths[0] ?? "")]);
  });

  test("do not wait for a killed process", async () => {
    await using server = await startModelServer({ content });
    const lock = join(folder, "hf_waggle_story_story.gguf.lock");
    writeFileSync(lock, "");
    utimesSync(lock, 1, 1);
    const options = { folder, endpoint: server.url, offline: false };
    const path = await resolveModel("hf:waggle/story/story.gguf", options);
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(filesThere()).toEqual([basename(path)]);
  });

  test("wait until the signal aborts", async () => {
    await using server = await startModelServer({ content });
    writeFileSync(join(folder, "hf_waggle_story_story.gguf.lock"), "");
    const stopped = new AbortController();
    const reason = new Error("enough");
    const waiting = resolveModel("hf:waggle/story/story.gguf", {
      folder,
      endpoint: server.url,
      offline: false,
      signal: stopped.signal,
      onProgress: () => stopped.abort(reason),
    });
    await expect(waiting).rejects.toBe(reason);
    expect(server.requests.filter((line) => !line.includes("bytes=0-0"))).toEqual([]);
  });
});

test("an aborted signal rejects before any work", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  writeFileSync(join(folder, "x.gguf"), "");
  await expect(resolveModel(join(folder, "x.gguf"), { folder, offline: true, signal })).rejects.toBe(reason);
});

/** Sum of all requested ranges, without requests for the first byte only. */
function bytesAsked(requests: readonly string[]): number {
  return requests.reduce((sum, line) => {
    const [, from, to] = /bytes=(\d+)-(\d+)$/.exec(line) ?? [];
    return from === undefined || to === "0" ? sum : sum + Number(to) - Number(from) + 1;
  }, 0);
}

async function startAndStop(): Promise<{ url: string }> {
  const server = await startModelServer({ content });
  await server[Symbol.asyncDispose]();
  return { url: server.url };
}
