import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startModelServer } from "../testing/model-server.ts";
import { storyModel } from "../testing/story-model.ts";
import { downloadModel, type DownloadProgress } from "./download.ts";
import { resolveModel } from "./resolve-model.ts";

const content = Buffer.alloc(1_000_000, "waggle ");
/** Many times the 5 MiB of which the library keeps those that are whole. */
const longContent = Buffer.alloc(40_000_000, "waggle ");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "resolve-model-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a path", () => {
  test("is itself, made absolute", async () => {
    const path = relative(process.cwd(), storyModel);
    expect(await resolveModel(path, { folder, offline: true })).toBe(storyModel);
  });

  test("that leads nowhere is refused", async () => {
    await expect(resolveModel("/no/such.gguf", { folder, offline: true })).rejects.toMatchObject({
      code: "unavailable",
      message: "Cannot load model /no/such.gguf: no such file",
    });
  });
});

describe("a reference", () => {
  test("is downloaded once, with progress, and found from then on without a network", async () => {
    await using server = await startModelServer({ content });
    const progress: DownloadProgress[] = [];
    const options = { folder, endpoint: server.url, onProgress: (report: DownloadProgress) => progress.push(report) };
    const path = await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: false });
    expect(path.startsWith(folder)).toBe(true);
    expect(content.equals(readFileSync(path))).toBe(true);
    expect(progress.at(-1)).toEqual({
      file: "hf:waggle/story:Q8_0",
      doneBytes: content.length,
      totalBytes: content.length,
    });
    const asked = server.requests.length;
    expect(await resolveModel("hf:waggle/story:Q8_0", { ...options, offline: true })).toBe(path);
    expect(server.requests).toHaveLength(asked);
  });

  test("to a file that is not open to all is downloaded with a token", async () => {
    await using server = await startModelServer({ content });
    const options = { folder, endpoint: server.url, offline: false, token: "a-token" };
    const path = await resolveModel("hf:waggle/secret:Q8_0", options);
    expect(content.equals(readFileSync(path))).toBe(true);
  });

  test("may be a URL", async () => {
    await using server = await startModelServer({ content });
    const path = await resolveModel(`${server.url}/files/story.gguf`, { folder, offline: false });
    expect(content.equals(readFileSync(path))).toBe(true);
  });

  test("is not downloaded offline", async () => {
    await expect(resolveModel("hf:waggle/story:Q8_0", { folder, offline: true })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^Cannot download model hf:waggle\/story:Q8_0: offline mode, and it is not in /),
    });
  });

  test.each([
    ["secret", /the server refuses it \(HTTP 401\); it may need a token$/],
    ["missing", /the server has no such file \(HTTP 404\)$/],
  ])("to a %s file is refused with what the server said", async (name, reason) => {
    await using server = await startModelServer({ content });
    await expect(resolveModel(`${server.url}/${name}/x.gguf`, { folder, offline: false })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(reason),
    });
  });

  test("to a server that is not there is refused at once", async () => {
    const { url } = await startAndStop();
    await expect(resolveModel(`${url}/x.gguf`, { folder, offline: false })).rejects.toThrow(
      `${url} cannot be reached (ECONNREFUSED)`,
    );
  });

  test("that makes no sense is refused as such", async () => {
    await expect(resolveModel("hf:nobody", { folder, offline: false })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("Cannot resolve model hf:nobody: "),
    });
  });
});

describe("a download that is cut off", () => {
  test("stops when the signal aborts, leaves nothing that looks like a model, and continues later", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({ content: longContent, beforePiece: () => nextTurn() });
    const reference = `${server.url}/story.gguf`;
    const reason = new Error("enough");
    const downloading = resolveModel(reference, {
      folder,
      offline: false,
      signal: stopped.signal,
      onProgress: ({ doneBytes }) => doneBytes > longContent.length / 2 && stopped.abort(reason),
    });
    await expect(downloading).rejects.toBe(reason);
    expect(readdirSync(folder).filter((name) => name.endsWith(".gguf"))).toEqual([]);
    await expect(resolveModel(reference, { folder, offline: true })).rejects.toThrow("offline mode");

    const progress: number[] = [];
    const path = await resolveModel(reference, {
      folder,
      offline: false,
      onProgress: ({ doneBytes }) => progress.push(doneBytes),
    });
    expect(longContent.equals(readFileSync(path))).toBe(true);
    expect(progress[0]).toBeGreaterThan(longContent.length / 20);
  });

  test("bears no model's name when it is cut off at its very end either", async () => {
    const stopped = new AbortController();
    await using server = await startModelServer({ content: longContent, beforePiece: () => sleep(5) });
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

  test("ends when nothing arrives any more", async () => {
    await using server = await startModelServer({ content, beforePiece: () => new Promise(() => {}) });
    const download = downloadModel(`${server.url}/story.gguf`, {
      folder,
      endpoint: server.url,
      token: undefined,
      stallTimeoutMs: 300,
      signal: undefined,
      onProgress: undefined,
    });
    await expect(download).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/nothing arrived for 0.3 s$/),
    });
  });
});

test("an aborted signal comes first", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  writeFileSync(join(folder, "x.gguf"), "");
  await expect(resolveModel(join(folder, "x.gguf"), { folder, offline: true, signal })).rejects.toBe(reason);
});

async function startAndStop(): Promise<{ url: string }> {
  const server = await startModelServer({ content });
  await server[Symbol.asyncDispose]();
  return { url: server.url };
}
