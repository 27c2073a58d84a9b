import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { createWorkerClient } from "./worker-client.ts";
import { serve } from "./testing/serve.ts";

const file = {
  ...{ id: "file-1", object: "file", bytes: 8, created_at: 1, expires_at: null },
  ...{ filename: "lines.jsonl", purpose: "batch", status: "processed" },
};

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const one of texts) yield Buffer.from(one);
}

it("an upload is a form with the purpose and the lines, which are sent as they are read", async () => {
  const read: string[] = [];
  const baseUrl = await serve(async (request, response) => {
    const { method = "", url, headers } = request;
    read.push(`${method} ${url}, ${headers["content-length"] ?? "without length"}`);
    const [, boundary = ""] = /^multipart\/form-data; boundary=(.*)$/.exec(headers["content-type"] ?? "") ?? [];
    read.push(...(await text(request)).replaceAll(boundary, "BOUNDARY").split("\r\n"));
    response.end(JSON.stringify(file));
  });
  const { batches } = createWorkerClient({ baseUrl });
  expect(await batches.upload(pieces('"a"\n', '"b"\n'))).toBe("file-1");
  expect(read).toEqual([
    "POST /v1/files, without length",
    ...["--BOUNDARY", 'content-disposition: form-data; name="purpose"', "", "batch"],
    ...["--BOUNDARY", 'content-disposition: form-data; name="file"; filename="lines.jsonl"'],
    ...["content-type: application/jsonl", "", '"a"\n"b"\n', "--BOUNDARY--", ""],
  ]);
});

it("an upload ends with the error of its lines", async () => {
  const baseUrl = await serve((request) => request.resume());
  const { batches } = createWorkerClient({ baseUrl });
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("1\n");
    throw new Error("line 2 is not JSON");
  }
  await expect(batches.upload(failing())).rejects.toThrow("line 2 is not JSON");
});

it("errors of OpenAI's form keep their messages, whatever their codes", async () => {
  const baseUrl = await serve((_, response) => {
    response.writeHead(404).end(JSON.stringify({ error: { message: "No file x.", code: null, param: "id" } }));
  });
  const { batches } = createWorkerClient({ baseUrl });
  await expect(batches.get("x")).rejects.toMatchObject({ code: "not_found", message: "No file x." });
});
