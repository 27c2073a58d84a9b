// Shows the worker's downloads on a page: it starts them without keeping a connection, follows them in the worker's list, and announces their end.
import { signal } from "@preact/signals";
import type { Download } from "@waggle/protocol";
import { afterEach, expect, it, vi } from "vitest";
import type { Api, RequestOptions } from "../../wire/api.ts";
import { createDownloads, isReference, type Downloads } from "./downloads.ts";

const reference = "hf:bees/queen:Q4_0";
const queen: Download = { reference, name: "queen", state: "running", stage: "downloading", progress: 0.5 };

const workers: ReturnType<typeof createWorker>[] = [];
// A page asks again as long as a download runs.
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.list = [];
    await worker.downloads.refresh();
  }
});

/** A worker with a list of downloads; `refusal` answers the next request that is not for the list. */
function createWorker(): {
  readonly downloads: Downloads;
  readonly asked: readonly string[];
  readonly left: readonly boolean[];
  readonly onDone: ReturnType<typeof vi.fn>;
  list: readonly Download[];
  refusal: Response | undefined;
} {
  const asked: string[] = [];
  const left: boolean[] = [];
  const onDone = vi.fn();
  const api: Api = {
    tokenAsked: signal<"no">("no"),
    hasToken: signal(false),
    tokenDeclined: signal(false),
    giveToken: async () => "taken",
    declineToken: () => {},
    forgetToken: () => {},
    async request(path, init: RequestOptions = {}) {
      if (path === "/v1/downloads") return Response.json({ downloads: worker.list });
      const number = asked.push(`${init.method} ${path} ${init.body as string}`) - 1;
      left.push(false);
      init.signal?.addEventListener("abort", () => (left[number] = true));
      return worker.refusal ?? new Response("");
    },
  };
  const worker = {
    ...{ asked, left, onDone, downloads: createDownloads(api, onDone) },
    list: [] as readonly Download[],
    refusal: undefined as Response | undefined,
  };
  workers.push(worker);
  return worker;
}

const refuse = (code: string, status: number): Response =>
  Response.json({ error: { code, message: "No.", type: "x", retryable: false } }, { status });

it("starts a download, leaves its stream, and announces its end once", async () => {
  const worker = createWorker();
  const { downloads } = worker;
  worker.list = [queen];
  const started = downloads.start(reference);
  expect(downloads.view(reference)).toMatchObject({ asking: true, download: undefined });
  await started;
  expect(worker.asked).toEqual([`POST /v1/models/pull {"reference":"${reference}"}`]);
  expect(worker.left).toEqual([true]);
  expect(downloads.view(reference)).toEqual({ asking: false, download: queen, problem: undefined });
  expect(worker.onDone).not.toHaveBeenCalled();
  // Without a further request of a visitor, the page asks again until nothing runs.
  worker.list = [{ reference, name: "queen-2", state: "done" }];
  await expect.poll(() => downloads.result.value).toBe("queen-2 is downloaded.");
  await downloads.refresh();
  expect(worker.onDone).toHaveBeenCalledOnce();
});

it("announces no download that was done before the page opened", async () => {
  const worker = createWorker();
  worker.list = [{ ...queen, state: "done" }];
  await worker.downloads.refresh();
  expect(worker.downloads.result.value).toBe("");
});

it("keeps a refusal until the next request, and sends references in paths as they are", async () => {
  const worker = createWorker();
  worker.refusal = refuse("forbidden", 403);
  await worker.downloads.start(reference);
  expect(worker.downloads.view(reference).problem).toMatchObject({ code: "forbidden" });
  worker.refusal = undefined;
  await worker.downloads.stop(reference);
  expect(worker.downloads.view(reference).problem).toBeUndefined();
  await worker.downloads.remove("queen");
  expect(worker.asked.slice(1)).toEqual([
    "DELETE /v1/downloads/hf%3Abees%2Fqueen%3AQ4_0 undefined",
    "DELETE /v1/models/queen undefined",
  ]);
});

it("names a download that failed while the page was open, until it is tried again", async () => {
  const worker = createWorker();
  const { downloads } = worker;
  worker.list = [{ ...queen, state: "failed" }];
  await downloads.refresh();
  expect(downloads.failed.value).toEqual([]);
  worker.list = [queen];
  await downloads.refresh();
  worker.list = [{ ...queen, state: "failed", reason: "The disk is full." }];
  await downloads.refresh();
  expect(downloads.failed.value).toEqual(["queen"]);
  await downloads.refresh();
  expect(downloads.failed.value).toEqual(["queen"]);
  worker.list = [queen];
  await downloads.refresh();
  expect(downloads.failed.value).toEqual([]);
});

it("forgets that the worker could not be reached once it lists the download", async () => {
  const worker = createWorker();
  worker.refusal = refuse("unavailable", 503);
  await worker.downloads.start(reference);
  worker.list = [queen];
  await worker.downloads.refresh();
  expect(worker.downloads.view(reference).problem).toBeUndefined();
});

it("finds a URL without its secrets, and continues it with them", async () => {
  const worker = createWorker();
  const url = "https://bee@example.com/a.gguf?key=1#sha256=00";
  const listed = "https://example.com/a.gguf";
  worker.list = [{ ...queen, reference: listed }];
  await worker.downloads.start(url);
  expect(worker.downloads.view(listed).download).toBeDefined();
  await worker.downloads.start(listed);
  expect(worker.asked).toEqual(Array(2).fill(`POST /v1/models/pull {"reference":"${url}"}`));
});

it("counts the rows that show a reference", () => {
  const { downloads } = createWorker();
  const [first, second] = [downloads.show(reference), downloads.show(reference)];
  first();
  expect(downloads.shown.value.has(reference)).toBe(true);
  second();
  expect(downloads.shown.value.has(reference)).toBe(false);
});

it.each([
  ["hf:user/repo:Q4_0", true],
  ["ollama:llama3.2:3b", true],
  ["https://example.com/a.gguf", true],
  ["qwen3 4b", false],
  ["hf: qwen", false],
  ["user/repo", false],
])("tells a reference from a search: %s", (text, expected) => {
  expect(isReference(text)).toBe(expected);
});
