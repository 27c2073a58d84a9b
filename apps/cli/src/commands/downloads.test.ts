// Tests the commands about models without a worker: they work on the folder of downloads.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import { placeWords } from "./pull.ts";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand, type CommandOptions, type CommandResult } from "../testing/run-command.ts";

const bytes = Buffer.alloc(2 ** 20, "GGUF bee");
const sha256 = createHash("sha256").update(bytes).digest("hex");
const storyTeller = fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));

let hub: Server;
let url = "";
let folder = "";
beforeAll(async () => {
  hub = createServer((request, response) => {
    const [, from = "0", to = String(bytes.length - 1)] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const piece = bytes.subarray(Number(from), Number(to) + 1);
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      "content-length": piece.length,
      "accept-ranges": "bytes",
      etag: '"bee"',
      ...(request.headers.range === undefined ? {} : { "content-range": `bytes ${from}-${to}/${bytes.length}` }),
    });
    // The download of "slow" never ends.
    if (request.url === "/slow.gguf") response.write(piece.subarray(0, 100_000));
    else response.end(piece);
  });
  hub.listen(0, "127.0.0.1");
  await once(hub, "listening");
  url = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
});
afterAll(() => {
  hub.close();
  hub.closeAllConnections();
});
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-downloads-"))));

const waggle = (argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
  runCommand(argv, { ...options, config: { modelsFolder: folder, ...options.config } });

describe("without a worker", () => {
  it("pull downloads a model, list shows it, and rm deletes it", async () => {
    const reference = `${url}/Bee-7B-Q4_K_M.gguf#sha256=${sha256}`;
    const pulled = await waggle(["pull", reference]);
    expect(pulled).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^bee-7b-q4_k_m \(1\.0 MB\) is here\. Talk to it: waggle chat bee-7b-q4_k_m\n/,
      ) as string,
    });
    expect(pulled.err).toMatch(/100 % {2}1\.0 MB of 1\.0 MB/);
    expect((await waggle(["pull", reference])).out).toContain("(1.0 MB) was here already.");
    const { out, err } = await waggle(["list"]);
    expect(out).toMatch(/^bee-7b-q4_k_m +1\.0 MB +on disk +http:/m);
    expect(err).toContain(`downloads are in ${folder}.\n`);
    expect(JSON.parse((await waggle(["list", "--json"])).out)).toMatchObject([
      { name: "bee-7b-q4_k_m", sha256 },
      { name: "waggle-tiny-stories", source: "embedded" },
    ]);
    expect((await waggle(["rm", "bee-7b-q4_k_m"])).err).toContain("without a terminal. Add --yes to confirm.");
    expect((await waggle(["rm", "bee-7b-q4_k_m", "--yes"])).out).toBe(
      "bee-7b-q4_k_m is deleted; 1.0 MB are free again.\n",
    );
    expect(readdirSync(folder)).toEqual([]);
    expect((await waggle(["list"])).err).toContain('There are no downloads yet: "waggle pull" downloads a model.');
  });

  it("the embedded model is in list and show, and is neither downloaded nor deleted", async () => {
    expect((await waggle(["list"])).out).toMatch(/^waggle-tiny-stories +2\.8 MB +on disk +comes with Waggle$/m);
    expect(await waggle(["ps"])).toMatchObject({
      code: 69,
      out: "",
      err: expect.stringMatching(/^waggle: No worker answers at http:\/\/127\.0\.0\.1:2\. Start one/) as string,
    });
    const { out } = await waggle(["show", "waggle-tiny-stories"]);
    expect(out).toMatch(/^name +waggle-tiny-stories$/m);
    expect(out).toMatch(new RegExp(`^where +${storyTeller}$`, "m"));
    for (const argv of [["pull"], ["rm", "--yes"]]) {
      expect((await waggle([...argv, "waggle-tiny-stories"])).err).toBe(
        "waggle: waggle-tiny-stories comes with Waggle: it is neither downloaded nor deleted.\n",
      );
    }
    expect((await waggle(["rm", "bee"])).err).not.toContain("comes with Waggle");
  });

  it("pull without a reference shows recommended models with what fit says, then the models of other programs", async () => {
    const ollama = { program: "Ollama", path: join(folder, "ollama") } as const;
    const manifest = join(ollama.path, "manifests/registry.ollama.ai/library/story/1b");
    mkdirSync(join(manifest, ".."), { recursive: true });
    writeFileSync(manifest, JSON.stringify({ layers: [] }));
    const { code, out, err } = await waggle(["pull"], { config: { programFolders: [ollama] } });
    expect(code).toBe(0);
    expect(out).toMatch(/^Recommended models for this machine:\n/);
    expect(out).toMatch(/^The list is of .*\.$/m);
    expect(out).toMatch(/of memory are free/);
    expect(err).toContain("story:1b (Ollama)");
  });

  it.each([
    ["--hub-url", {}],
    ["WAGGLE_HUB_URL", { HF_ENDPOINT: "http://127.0.0.1:2" }],
    ["HF_ENDPOINT", {}],
  ] as const)("pull and fit read from the hub of %s", async (from, others) => {
    const flags = from.startsWith("--") ? [from, url] : [];
    const config = { env: from.startsWith("--") ? others : { ...others, [from]: url } };
    const asked: string[] = [];
    const note = ({ url: path = "" }: IncomingMessage): void => void asked.push(path);
    hub.on("request", note);
    const pulled = await waggle(["pull", "hf:user/repo/Bee-7B-Q4_K_M.gguf", ...flags], { config });
    // The made-up file has no GGUF header, so fit ends with an error after it has read the file.
    await waggle(["fit", "hf:user/repo/Wasp-7B-Q4_K_M.gguf", ...flags], { config });
    hub.off("request", note);
    expect(pulled).toMatchObject({ code: 0, out: expect.stringContaining("is here") as string });
    expect(asked).toContainEqual(expect.stringContaining("/user/repo/resolve/main/Bee-7B-Q4_K_M.gguf"));
    expect(asked).toContainEqual(expect.stringContaining("/user/repo/resolve/main/Wasp-7B-Q4_K_M.gguf"));
  });

  it("pull refuses --hub-url at a worker, which has a hub", async () => {
    await using worker = await startFakeWorker();
    expect(await waggle(["pull", "hf:a/b", "--hub-url", url, "--url", worker.url])).toMatchObject({
      code: 64,
      err: `waggle: Cannot use --hub-url: the worker at ${worker.url} downloads from its own hub. Start it with --hub-url.\n`,
    });
    expect(worker.asked).toEqual([]);
  });

  it("an interrupted pull prints how to continue it, and list shows its progress", async () => {
    const interrupt = new AbortController();
    const pulling = waggle(["pull", `${url}/slow.gguf`], { signal: interrupt.signal });
    await once(hub, "request");
    const begun = (): boolean =>
      existsSync(folder) && readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(".part"));
    await expect.poll(begun).toBe(true);
    interrupt.abort(new InterruptedError());
    expect(await pulling).toMatchObject({
      code: 130,
      err: expect.stringContaining("The partial download is kept; run the same command to continue.\n") as string,
    });
    expect((await waggle(["list"])).out).toMatch(/^slow +1\.0 MB +begun, \d+ %/m);
    const again = new AbortController();
    const continued = waggle(["pull", "slow"], { signal: again.signal });
    await once(hub, "request");
    again.abort(new InterruptedError());
    expect((await continued).code).toBe(130);
    for (const command of ["show", "run", "fit"]) {
      expect(await waggle([command, "slow", ...(command === "run" ? ["Hello"] : [])])).toMatchObject({
        code: 66,
        err: expect.stringMatching(
          /slow is incomplete \(begun, \d+ %\)\. Continue with "waggle pull http:.*"\.\n$/,
        ) as string,
      });
    }
  });

  it("an impossible command fails with a sentence", async () => {
    expect(await waggle(["pull", "./here.gguf"])).toMatchObject({
      code: 64,
      err: expect.stringMatching(/^waggle: Cannot download model \.\/here\.gguf: it is a path; .*\.\n$/) as string,
    });
    expect(await waggle(["pull", `${url}/x.gguf`], { config: { env: { WAGGLE_OFFLINE: "1" } } })).toMatchObject({
      code: 1,
      err: "waggle: Cannot download: the variable WAGGLE_OFFLINE is set.\n",
    });
    expect(await waggle(["pull", `${url}/x.gguf`], { config: { env: { WAGGLE_SLOTS: "many" } } })).toMatchObject({
      code: 64,
      err: expect.stringMatching(/^waggle: Cannot use --slots "many" \(from the variable WAGGLE_SLOTS\)/) as string,
    });
    const none = `waggle: Unknown model bee: nothing has been downloaded to ${folder}. "waggle pull" lists models for this machine.\n`;
    for (const command of ["show", "rm", "chat"])
      expect(await waggle([command, "bee"])).toMatchObject({ code: 66, err: none });
  });
});

it("pull says where root puts a model, and what the service reads", () => {
  const words = (modelsFolder: string, user: number | undefined, env: Record<string, string> = {}) =>
    placeWords({ modelsFolder, env } as Parameters<typeof placeWords>[0], user);
  expect(words("/root/.cache/waggle/models", 0)).toBe(
    'It is in /root/.cache/waggle/models. A service of systemd reads /var/cache/waggle/models. For the service, download with "XDG_CACHE_HOME=/var/cache waggle pull …".\n',
  );
  expect(words("/srv/models", 0, { WAGGLE_MODELS_DIR: "/srv/models" })).not.toContain("download with");
  expect([words("/var/cache/waggle/models", 0), words("/home/bee/models", 1_000), words("/x", undefined)]).toEqual([
    ...["", "", ""],
  ]);
});

describe("waggle show of a file", () => {
  it("reads its header", async () => {
    const { code, out } = await waggle(["show", storyTeller]);
    expect(code).toBe(0);
    expect(out).toMatch(/^name +waggle-tiny-stories$/m);
    expect(out).toMatch(/^can do +text$/m);
    expect(out).toMatch(/^architecture +llama$/m);
    expect(out).toMatch(/^memory +1\d\d MB with 8 slots, 512 tokens for one job, 4096 for all$/m);
    expect(out).toMatch(new RegExp(`^where +${storyTeller}$`, "m"));
    expect(JSON.parse((await waggle(["show", storyTeller, "--json"])).out)).toMatchObject({
      card: { architecture: "llama", kind: "generate" },
      memory: { slots: 8, contextSize: 512, contextPool: 4_096, gpu: 0 },
    });
  });

  it("names the problem of the file", async () => {
    expect(await waggle(["show", "./no-such.gguf"])).toMatchObject({
      code: 66,
      err: "waggle: Cannot read model ./no-such.gguf: no such file.\n",
    });
  });
});
