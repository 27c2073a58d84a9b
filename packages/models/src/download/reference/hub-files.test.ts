import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { listHubFiles } from "./hub-files.ts";

const hash = "a".repeat(64);

/** Starts a hub whose repositories have these pages of files. */
async function startHub(
  pages: readonly unknown[],
): Promise<AsyncDisposable & { readonly url: string; readonly paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    const page = Number(/page=(\d+)/.exec(request.url ?? "")?.[1] ?? 0);
    const link = page + 1 < pages.length ? { link: `</next?page=${page + 1}>; rel="next"` } : {};
    response.writeHead(200, link).end(typeof pages[page] === "string" ? pages[page] : JSON.stringify(pages[page]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const file = (path: string, size: number) => ({ type: "file", path, size, lfs: { oid: hash } });

test("models of all pages are listed by size; a split model is one entry", async () => {
  await using hub = await startHub([
    [
      { type: "directory", path: "BF16", size: 0 },
      file("BF16/x-BF16-00001-of-00002.gguf", 900),
      file("BF16/x-BF16-00002-of-00002.gguf", 800),
      file("x-Q8_0-00001-of-00002.gguf", 600),
      file("README.md", 3),
      file("mmproj-F16.gguf", 40),
    ],
    [file("x-Q4_K_M.gguf", 400), null, { type: "file", path: 7 }],
  ]);
  const files = await listHubFiles("hf:user/repo:Q4_0", { endpoint: hub.url });
  expect(files).toEqual([
    {
      reference: "hf:user/repo/x-Q4_K_M.gguf",
      path: "x-Q4_K_M.gguf",
      quantization: "Q4_K_M",
      bytes: 400,
      parts: 1,
      sha256: hash,
    },
    {
      reference: "hf:user/repo/BF16/x-BF16-00001-of-00002.gguf",
      path: "BF16/x-BF16-00001-of-00002.gguf",
      quantization: "BF16",
      bytes: 1_700,
      parts: 2,
      sha256: undefined,
    },
  ]);
  expect(hub.paths).toEqual(["/api/models/user/repo/tree/main?recursive=true", "/next?page=1"]);
});

test.each<[what: string, page: unknown, reason: string]>([
  ["not JSON", "<html>", "not JSON"],
  ["not a list", { error: "no" }, "invalid file list"],
])("an answer that is %s is rejected", async (_, page, reason) => {
  await using hub = await startHub([page]);
  await expect(listHubFiles("hf:user/repo", { endpoint: hub.url })).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(new RegExp(`^Cannot list hf:user/repo: .*${reason}`)),
  });
});

test("names that claim a thousand parts cost no more than other names", async () => {
  const paths = Array.from({ length: 2_000 }, (_, i) => `f${i % 1_000}/m${i}-00001-of-01000.gguf`);
  await using hub = await startHub(
    [paths.slice(0, 1_000), paths.slice(1_000)].map((page) => page.map((path) => file(path, 1))),
  );
  const padded = vi.spyOn(String.prototype, "padStart");
  expect(await listHubFiles("hf:user/repo", { endpoint: hub.url })).toEqual([]);
  expect(padded.mock.calls.length).toBeLessThan(2 * paths.length);
  padded.mockRestore();
});

test.each<[what: string, page: unknown, outcome: unknown]>([
  [
    "a path that no file system has",
    [file(`${"mmproj".repeat(50)}.gguf`, 1), file(`${"a/".repeat(600)}b.gguf`, 1)],
    [],
  ],
  [
    "more files than a repository has",
    Array.from({ length: 20_001 }, () => ({ type: "file", path: "a", size: 1 })),
    /more than 20000 files/,
  ],
  ["an answer that takes long to parse", "[".repeat(1 << 21), /larger than 1048576 bytes/],
])("a hub's list is bounded: %s", async (_, page, outcome) => {
  await using hub = await startHub([page]);
  const listed = listHubFiles("hf:user/repo", { endpoint: hub.url });
  if (outcome instanceof RegExp) await expect(listed).rejects.toThrow(outcome);
  else expect(await listed).toEqual(outcome);
});

test("an endless list is rejected after 20 pages", async () => {
  await using hub = await startHub(Array.from({ length: 30 }, () => []));
  await expect(listHubFiles("hf:user/repo", { endpoint: hub.url })).rejects.toThrow("longer than 20 pages");
});

test("only repositories can be listed", async () => {
  await expect(listHubFiles("x.gguf")).rejects.toMatchObject({ code: "invalid_argument" });
});
