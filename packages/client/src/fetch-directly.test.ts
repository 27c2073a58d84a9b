import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { fetchDirectly } from "./fetch-directly.ts";
import { serve } from "./testing/serve.ts";

it("an abort ends a body whose request was collected as garbage", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const url = await serve((_, response) => response.write("the beginning"));
  const stop = new AbortController();
  const { body } = await fetchDirectly(fetch, url, { signal: stop.signal });
  const reader = (body as ReadableStream).getReader();
  await reader.read();
  for (let turn = 0; turn < 3; turn += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rest = reader.read();
  stop.abort(new Error("enough"));
  await expect(rest).rejects.toThrow("enough");
});

it.each([301, 302, 303, 307, 308])("%s is an error, and is not followed", async (status) => {
  const paths: unknown[] = [];
  const url = await serve(({ url: path }, response) => {
    paths.push(path);
    response.writeHead(status, { location: "/elsewhere" }).end("moved");
  });
  await expect(fetchDirectly(fetch, url, {})).rejects.toThrow("a redirect");
  expect(paths).toEqual(["/"]);
});
