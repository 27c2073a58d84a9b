import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { startModelServer } from "../../testing/model-server.ts";
import { createCatalogue } from "../folder/catalogue.ts";
import { parseReference } from "./parse-reference.ts";
import { pullModel } from "./pull-model.ts";
import { readModelHeader } from "../folder/read-header.ts";

const content = Buffer.alloc(300_000, "GGUF waggle ");
const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const layer = (type: string, bytes: Buffer) => ({
  mediaType: `application/vnd.ollama.image.${type}`,
  digest: `sha256:${sha256Of(bytes)}`,
  size: bytes.length,
});
const template = Buffer.from("{{ .Prompt }}");
const params = Buffer.from('{"stop":["<end>"]}');

let folder: string;
beforeEach(() => void (folder = newFolder()));

/** Starts a registry that redirects blobs to another server, as the real registry does. */
async function startRegistry(manifests: Record<string, unknown>, blobs: readonly Buffer[], elsewhere: string) {
  const accepted: (string | undefined)[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    const manifest = manifests[url];
    const blob = blobs.find((bytes) => url.endsWith(`/blobs/sha256:${sha256Of(bytes)}`));
    if (manifest !== undefined) {
      accepted.push(headers.accept);
      response.end(typeof manifest === "string" ? manifest : JSON.stringify(manifest));
    } else if (url.endsWith(`/blobs/sha256:${sha256Of(content)}`))
      response.writeHead(307, { location: elsewhere + url }).end();
    else if (blob !== undefined) response.end(blob);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("the model layer is downloaded and checked by its digest, and the other layers are kept with the model", async () => {
  await using cdn = await startModelServer({ content });
  const layers = [
    layer("model", content),
    layer("template", template),
    layer("params", params),
    layer("license", params),
  ];
  await using registry = await startRegistry(
    { "/v2/library/story/manifests/8b": { layers } },
    [template, params],
    cdn.url,
  );
  const options = { folder, ollamaEndpoint: registry.url, token: "a-token" };
  const model = await pullModel("ollama:story:8b", options);
  expect(model).toMatchObject({
    ...{ name: "story:8b", reference: "ollama:story:8b", sha256: sha256Of(content), downloaded: true },
    extras: { template: "{{ .Prompt }}", params: { stop: ["<end>"] } },
  });
  expect(Object.keys(model.extras ?? {})).toEqual(["template", "params"]);
  expect(basename(model.path)).toBe("ollama_library+story+8b.gguf");
  expect(content.equals(readFileSync(model.path))).toBe(true);
  expect(registry.accepted).toEqual(["application/vnd.docker.distribution.manifest.v2+json"]);
  for (const text of cdn.received) expect(text).not.toMatch(/a-token|authorization/i);
  const catalogue = createCatalogue({ folder });
  expect((await catalogue.find("ollama:library/story:8b"))?.path).toBe(model.path);
  expect(await pullModel("ollama:story:8b", options)).toMatchObject({ downloaded: false, path: model.path });
});

test("a model's header is read from the registry's blob", async () => {
  await using cdn = await startModelServer({ content });
  const manifest = { layers: [layer("model", content)] };
  await using registry = await startRegistry({ "/v2/library/story/manifests/8b": manifest }, [], cdn.url);
  const reading = readModelHeader("ollama:story:8b", { folder, offline: false, ollamaEndpoint: registry.url });
  await expect(reading).rejects.toThrow(/^Cannot read model ollama:story:8b: GGUF version/);
  expect(cdn.requests).toEqual([`GET /v2/library/story/blobs/sha256:${sha256Of(content)} bytes=0-262143`]);
});

test("a blob that does not match its digest is removed", async () => {
  await using cdn = await startModelServer({ content: Buffer.alloc(content.length, "GGUF other ") });
  const manifest = { layers: [layer("model", content)] };
  await using registry = await startRegistry({ "/v2/bee/story/manifests/latest": manifest }, [], cdn.url);
  const refused = pullModel("ollama:bee/story", { folder, ollamaEndpoint: registry.url });
  await expect(refused).rejects.toThrow(/^Cannot download model ollama:bee\/story: the file is damaged/);
  expect(await createCatalogue({ folder }).list()).toEqual([]);
});

test.each([
  ["an adapter", { layers: [layer("model", content), layer("adapter", template)] }, "it is an adapter"],
  ["a tag without a GGUF file", { layers: [layer("tensor", content)] }, "the tag has no GGUF file"],
  [
    "a tag with two models",
    { layers: [layer("model", content), layer("model", template)] },
    "the tag has several model files",
  ],
  ["an invalid digest", { layers: [{ ...layer("model", content), digest: "sha256:../x" }] }, "has no GGUF file"],
  ["a web page", "<html>", "the tag's manifest is invalid"],
  ["a too long manifest", `{"layers":[],"x":"${"x".repeat(1 << 20)}"}`, "larger than 1048576 bytes"],
])("%s is rejected", async (_, manifest, reason) => {
  await using registry = await startRegistry({ "/v2/library/story/manifests/8b": manifest }, [template], "");
  const refused = pullModel("ollama:story:8b", { folder, ollamaEndpoint: registry.url });
  await expect(refused).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining(reason) });
});

test("an unknown tag is rejected", async () => {
  await using registry = await startRegistry({}, [], "");
  const refused = pullModel("ollama:story:8b", { folder, ollamaEndpoint: registry.url });
  await expect(refused).rejects.toThrow(
    "Cannot download model ollama:story:8b: the server has no such file (HTTP 404)",
  );
});

test.each(["ollama:", "ollama:a:b:c", "ollama:a/b/c", "ollama:../x", "ollama:a/..", "ollama:a b", "ollama:x+y"])(
  "%s is refused as a reference",
  (reference) => {
    expect(() => parseReference(reference, "https://huggingface.co/")).toThrow(`Cannot resolve model ${reference}: `);
  },
);
