// Contracts of OpenAI's files: golden bodies, hostile uploads, and which client sees which file.
import { fileLimits } from "@waggle/protocol";
import { hostileUploads } from "@waggle/testing/hostile";
import { describe, expect, test } from "vitest";
import { refusal, useBatches } from "../../testing/batches/batch-client.ts";
import { alice, bob, forTwoClients, root, watcher } from "../../testing/two-clients.ts";

const { open, arriving, start, upload, call, get, read } = useBatches();

const purpose = ["purpose", "batch"] as const;
const file = ["file", "x".repeat(90), "a.jsonl"] as const;

async function idOf(response: Response | Promise<Response>): Promise<string> {
  return ((await (await response).json()) as { id: string }).id;
}

describe("an upload", () => {
  test.each([
    ["the file first", [file, purpose]],
    ["the file last", [purpose, file]],
  ])("has its parts in any order: %s", async (_, parts) => {
    open();
    const sent = await upload(parts);
    expect(sent.status).toBe(200);
    const body = (await sent.json()) as { id: string; created_at: number };
    expect(body).toEqual({
      id: expect.stringMatching(/^file-/),
      object: "file",
      bytes: 90,
      created_at: expect.any(Number),
      expires_at: body.created_at + 2_592_000,
      filename: "a.jsonl",
      purpose: "batch",
      status: "processed",
    });
    expect(await read(`/files/${body.id}`)).toEqual(body);
    const content = await get(`/v1/files/${body.id}/content`, { accept: "application/binary" });
    expect(await content.text()).toBe(file[1]);
    const gone = await call("DELETE", `/v1/files/${body.id}`);
    expect(await gone.json()).toEqual({ id: body.id, object: "file", deleted: true });
    expect((await get(`/v1/files/${body.id}`)).status).toBe(404);
  });

  test("may say when its file expires", async () => {
    open();
    const sent = await upload([
      file,
      purpose,
      ["expires_after[anchor]", "created_at"],
      ["expires_after[seconds]", "3600"],
    ]);
    const { created_at, expires_at } = (await sent.json()) as { created_at: number; expires_at: number };
    expect(expires_at - created_at).toBe(3_600);
  });

  test.each([
    ["purpose", "without a purpose", [file]],
    ["purpose", "for another purpose", [file, ["purpose", "fine-tune"]]],
    ["file", "without a file", [purpose]],
    ["file", "with two files", [file, purpose, file]],
    ["file", "of another kind of file", [purpose, ["file", "x", "a.txt"]]],
    [
      "seconds",
      "with a bad time",
      [file, purpose, ["expires_after[anchor]", "created_at"], ["expires_after[seconds]", "1"]],
    ],
  ] as const)("is refused with the field %s: %s", async (param, _, parts) => {
    open();
    expect(await refusal(upload(parts))).toMatchObject({ status: 400, param, retry: "false" });
    expect([arriving(), await read("/v1/files")]).toEqual([0, expect.objectContaining({ data: [] })]);
  });

  test("that is no multipart body, or whose client leaves, is refused, and nothing is left of it", async () => {
    open();
    const type = { "content-type": "multipart/form-data; boundary=b" };
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\nabc';
    const json = { "content-type": "application/json" };
    expect(await refusal(call("POST", "/v1/files", "{}", json))).toMatchObject({ status: 400 });
    const leaves = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from(part));
      },
      pull: (controller) => controller.error(new Error("the client left")),
    });
    expect(await refusal(call("POST", "/v1/files", leaves, type))).toMatchObject({ status: 400 });
    expect(arriving()).toBe(0);
  });

  test("of hostile bytes is refused, and nothing is left of it", async () => {
    open();
    for (const { name, headers, body } of hostileUploads) {
      const { status } = await call("POST", "/v1/files", body?.(), headers);
      expect([name, status, arriving()]).toEqual([name, 400, 0]);
    }
  });

  test("that is too large ends at the byte after the limit, or by its Content-Length", async () => {
    open();
    const type = { "content-type": "multipart/form-data; boundary=b" };
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n';
    const announced = { ...type, "content-length": "2147483648" };
    expect(await refusal(call("POST", "/v1/files", head, announced))).toMatchObject({ status: 413, retry: "false" });
    const megabyte = new Uint8Array(1 << 20).fill(120);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from(head)),
      pull: (controller) => {
        sent += 1;
        if (sent > 2_000) controller.close();
        else controller.enqueue(megabyte);
      },
    });
    expect(await refusal(call("POST", "/v1/files", endless, type))).toMatchObject({ status: 413 });
    expect(arriving()).toBe(0);
    expect(sent).toBeGreaterThan(200);
  });

  test("beyond those that a client may send at the same time is refused", async () => {
    open({ access: forTwoClients });
    const type = { "content-type": "multipart/form-data; boundary=b" };
    const ends: (() => void)[] = [];
    const silent = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ start: (controller) => void ends.push(() => controller.close()) });
    const slow = Array.from({ length: fileLimits.uploads }, () =>
      call("POST", "/v1/files", silent(), { ...type, ...alice }),
    );
    expect(await refusal(upload([file, purpose], alice))).toMatchObject({ status: 429 });
    expect((await upload([file, purpose], bob)).status).toBe(200);
    for (const end of ends) end();
    await Promise.all(slow);
    expect((await upload([file, purpose], alice)).status).toBe(200);
  });
});

test("an unknown file has OpenAI's error", async () => {
  open();
  const unknown = { status: 404, type: "invalid_request_error", param: "id", code: null, retry: "false" };
  for (const [method, path] of [
    ["GET", "/v1/files/x"],
    ["GET", "/v1/files/x/content"],
    ["DELETE", "/v1/files/x"],
  ] as const) {
    expect(await refusal(call(method, path))).toMatchObject(unknown);
  }
  const { message } = await refusal(get(`/v1/files/${"x".repeat(1_000)}`));
  expect(message).toBe(`Unknown file "${"x".repeat(128)}".`);
});

test("the list has the files of one purpose, and refuses wrong queries", async () => {
  open();
  const id = await idOf(upload([purpose, file]));
  expect(await read("/v1/files?purpose=batch")).toMatchObject({ data: [{ id }], first_id: id, last_id: id });
  expect(await read("/v1/files?purpose=batch_output")).toMatchObject({ data: [], first_id: null, has_more: false });
  for (const query of ["limit=0", "limit=10001", "limit=x", "order=up"]) {
    expect((await get(`/v1/files?${query}`)).status).toBe(400);
  }
  expect(await refusal(get("/v1/files?after=file-0"))).toMatchObject({ status: 404, param: "after" });
});

test("a file belongs to the client of its token", async () => {
  open({ access: forTwoClients });
  const id = await idOf(upload([purpose, file], alice));
  const seen = async (headers: Record<string, string>): Promise<unknown> => {
    const statuses = await Promise.all(
      [`/v1/files/${id}`, `/v1/files/${id}/content`].map(async (path) => (await get(path, headers)).status),
    );
    const { data } = (await read("/v1/files", headers)) as { data: { filename: string }[] };
    return [...statuses, data.map(({ filename }) => filename)];
  };
  expect(await seen(alice)).toEqual([200, 200, ["a.jsonl"]]);
  expect(await seen(bob)).toEqual([404, 404, []]);
  expect(await seen(root)).toEqual([200, 404, ["a.jsonl"]]);
  expect(await seen(watcher)).toEqual([404, 404, [""]]);
  expect((await call("DELETE", `/v1/files/${id}`, undefined, bob)).status).toBe(404);
  expect((await call("DELETE", `/v1/files/${id}`, undefined, root)).status).toBe(200);
});

test("Anthropic's files and a server without a lane are refused in the client's shape", async () => {
  open();
  const anthropic = await get("/v1/files", { "anthropic-version": "2023-06-01" });
  expect([anthropic.status, anthropic.headers.get("x-should-retry")]).toEqual([501, "false"]);
  expect(await anthropic.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
  start();
  expect(await refusal(upload([file, purpose]))).toMatchObject({ status: 501, code: "unimplemented" });
  expect((await get("/v1/batches")).status).toBe(501);
  expect(await (await get("/v1/messages/batches")).json()).toMatchObject({ type: "error" });
});
