// Shows that files are served with the right headers and encodings, and that no other file is served.
import { mkdtemp, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { beforeEach, expect, it } from "vitest";
import { createPages } from "./pages.ts";
import type { Pages } from "./pages.ts";

let root: string;
let folder: string;
let pages: Pages;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "waggle-pages-"));
  folder = join(root, "dist");
  pages = createPages({ folder, routes: { "/": "chat.html", "/status": "status.html", "/preview": "preview.html" } });
});

async function build(): Promise<void> {
  await mkdir(join(folder, "assets"), { recursive: true });
  await writeFile(join(folder, "chat.html"), "<!doctype html>chat");
  await writeFile(join(folder, "preview.html"), "<!doctype html>preview");
  await writeFile(join(folder, "assets/chat-1a2b.js"), "let chat;");
  await writeFile(join(folder, "assets/chat-1a2b.js.br"), brotliCompressSync("let chat;"));
  await writeFile(join(folder, "assets/notes.txt"), "not a page's file");
  await writeFile(join(root, "secret.js"), "secret");
}

function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response | undefined> {
  return pages.answer(new Request(`http://localhost${path}`, { headers, method }));
}

it("before a build, pages show the build command; after the build, they are served without a restart", async () => {
  const before = await get("/");
  expect(before?.status).toBe(503);
  expect(await before?.text()).toContain("pnpm@12.21.0 build");
  await build();
  const after = await get("/");
  expect(after?.status).toBe(200);
  expect(await after?.text()).toContain("chat");
});

it("pages are served with no-cache, and with a policy that allows only the files of the page", async () => {
  await build();
  const page = await get("/");
  expect(page?.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page?.headers.get("cache-control")).toBe("no-cache");
  expect(page?.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page?.headers.get("referrer-policy")).toBe("no-referrer");
  const policy = page?.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
});

it("only the preview can be framed, has no origin, and no network", async () => {
  await build();
  const policy = (await get("/preview"))?.headers.get("content-security-policy") ?? "";
  expect(policy.split("; ")).toEqual(expect.arrayContaining(["sandbox allow-scripts", "default-src 'none'"]));
  expect(policy).toContain("frame-ancestors 'self'");
  expect(policy).not.toMatch(/http|\*|allow-same-origin|-src[^;]*'self'/);
});

it("assets are served as immutable, and compressed if the client accepts compression", async () => {
  await build();
  const plain = await get("/assets/chat-1a2b.js");
  expect(plain?.headers.get("cache-control")).toContain("immutable");
  expect(plain?.headers.get("content-encoding")).toBeNull();
  expect(await plain?.text()).toBe("let chat;");
  const small = await get("/assets/chat-1a2b.js", { "accept-encoding": "gzip, br" });
  expect(small?.headers.get("content-encoding")).toBe("br");
  expect(small?.headers.get("vary")).toBe("accept-encoding");
  expect(brotliDecompressSync(Buffer.from((await small?.arrayBuffer()) ?? new ArrayBuffer(0))).toString()).toBe(
    "let chat;",
  );
  const refused = await get("/assets/chat-1a2b.js", { "accept-encoding": "br;q=0" });
  expect(refused?.headers.get("content-encoding")).toBeNull();
});

it("a client with the same ETag gets 304, and the response to HEAD has no body", async () => {
  await build();
  const first = await get("/");
  const etag = first?.headers.get("etag") ?? "";
  expect((await get("/", { "if-none-match": etag }))?.status).toBe(304);
  expect((await get("/", { "if-none-match": '"other"' }))?.status).toBe(200);
  const head = await get("/", {}, "HEAD");
  expect(head?.headers.get("content-length")).toBe(first?.headers.get("content-length"));
  expect(await head?.text()).toBe("");
});

it.each(["/assets/none.js", "/assets/notes.txt", "/assets/../../secret.js", "/assets/%2e%2e/secret.js", "/secret.js"])(
  "serves no file at %s",
  async (path) => {
    await build();
    expect(await get(path)).toBeUndefined();
  },
);

it("owns is true only for GET and HEAD requests, for pages and their files", () => {
  expect(pages.owns("GET", "/")).toBe(true);
  expect(pages.owns("HEAD", "/status")).toBe(true);
  expect(pages.owns("GET", "/assets/chat-1a2b.js")).toBe(true);
  expect(pages.owns("POST", "/")).toBe(false);
  expect(pages.owns("GET", "/metrics")).toBe(false);
  expect(pages.owns("GET", "/v1/jobs")).toBe(false);
  expect(pages.owns("GET", "/assets/..%2f..%2fsecret.js")).toBe(false);
  expect(pages.owns("GET", "/constructor")).toBe(false);
});
