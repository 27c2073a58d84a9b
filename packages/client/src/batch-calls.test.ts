import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { createWorkerClient } from "./worker-client.ts";
import { serve } from "./testing/serve.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const one of texts) yield Buffer.from(one);
}

it("an upload is a form that any reader of forms understands, and its lines are sent as they are read", async () => {
  const read: string[] = [];
  const baseUrl = await serve(async (request, response) => {
    const { method = "", url, headers } = request;
    read.push(`${method} ${url}, ${headers["content-length"] ?? "without length"}`);
    const form = await new Response(await text(request), {
      headers: { "content-type": headers["content-type"] ?? "" },
    }).formData();
    const file = form.get("file") as File;
    read.push(String(form.get("purpose")), file.name, await file.text());
    response.end(JSON.stringify({ id: "file-1" }));
  });
  const { batches } = createWorkerClient({ baseUrl });
  expect(await batches.upload(pieces('"a"\n', '"b"\n'))).toBe("file-1");
  expect(read).toEqual(["POST /v1/files, without length", "batch", "lines.jsonl", '"a"\n"b"\n']);
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
