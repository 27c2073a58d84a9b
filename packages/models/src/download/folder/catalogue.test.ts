import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { cutDownload, filesIn, newFolder } from "../../testing/folder.ts";
import { startModelServer } from "../../testing/model-server.ts";
import { createCatalogue } from "./catalogue.ts";
import { pullModel } from "../reference/pull-model.ts";

const content = Buffer.alloc(300_000, "GGUF waggle ");
const newer = Buffer.alloc(300_000, "GGUF newer ");
const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const partialKey = "0123456789abcdef";

let folder: string;
beforeEach(() => void (folder = newFolder()));

/** All files below the folder. */
const filesThere = () => filesIn(folder);

const put = (name: string, bytes: string | Buffer = "GGUF"): string => {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
};

describe("a downloaded model", () => {
  test("is listed with its name, reference, size and hash, and found by each", async () => {
    await using server = await startModelServer({ content, linkedSha256: sha256Of(content) });
    const options = { folder, endpoint: server.url };
    const first = await pullModel("hf:waggle/Story-GGUF:q8_0", options);
    expect(first).toMatchObject({ name: "story-q8_0", downloaded: true, state: "whole", bytes: content.length });
    const second = await pullModel(`${server.url.replace("//", "//bee:5ecre7@")}/Tale.gguf?signature=5ecre7`, options);
    const catalogue = createCatalogue(options);
    const list = await catalogue.list();
    expect(list).toMatchObject([
      {
        name: "story-q8_0",
        reference: "hf:waggle/Story-GGUF:q8_0",
        path: first.path,
        sha256: sha256Of(content),
        ...{ state: "whole", bytes: content.length, totalBytes: content.length, parts: 1, wholeParts: 1 },
      },
      { name: "tale", reference: `${server.url}/Tale.gguf`, path: second.path, state: "whole" },
    ]);
    for (const wanted of ["story-q8_0", "hf:waggle/Story-GGUF:q8_0", "hf:waggle/story-gguf/x", first.path]) {
      const found = await catalogue.find(wanted);
      expect(found?.path).toBe(wanted.endsWith("/x") ? undefined : first.path);
    }
    expect((await catalogue.find("hf:waggle/Story-GGUF:Q8_0"))?.path).toBe(first.path);
    expect((await catalogue.find(`${server.url}/Tale.gguf?signature=another`))?.path).toBe(second.path);
    for (const name of filesThere()) expect(readFileSync(join(folder, name), "utf8")).not.toContain("5ecre7");
    expect(await pullModel("hf:waggle/Story-GGUF:Q8_0", options)).toMatchObject({
      downloaded: false,
      path: first.path,
    });
  });

  test("is stored once, whichever reference names it", async () => {
    await using server = await startModelServer({
      content,
      etag: '"1"',
      manifestFile: "Story-1B-Q8_0.gguf",
      openToAll: true,
    });
    const options = { folder, endpoint: server.url };
    const file = "hf:waggle/Story-1B-GGUF/Story-1B-Q8_0.gguf";
    const references = [
      "hf:waggle/Story-1B-GGUF:Q8_0",
      file,
      "hf:Waggle/story-1b-gguf:q8_0",
      `${server.url}/waggle/Story-1B-GGUF/resolve/main/Story-1B-Q8_0.gguf?download=true`,
    ];
    for (const first of references) {
      const { path } = await pullModel(first, options);
      for (const other of references) {
        expect(await pullModel(other, options)).toMatchObject({ path, downloaded: false, name: "story-1b-q8_0" });
        expect(await createCatalogue(options).find(other)).toMatchObject({ path });
      }
      expect(await createCatalogue(options).list()).toHaveLength(1);
      expect(await createCatalogue(options).find(`${file}#dev`)).toBeUndefined();
      await createCatalogue(options).remove(file);
      expect(filesThere()).toEqual([]);
    }
  });

  test("of an unusual name is stored once, as soon as the hub was asked about its tag", async () => {
    await using server = await startModelServer({ content, etag: '"1"', manifestFile: "other-Q8_0.gguf" });
    const options = { folder, endpoint: server.url };
    const { path } = await pullModel("hf:waggle/story/other-Q8_0.gguf", options);
    expect(await createCatalogue(options).find("hf:waggle/story:Q8_0")).toBeUndefined();
    expect(await pullModel("hf:waggle/story:Q8_0", options)).toMatchObject({ path, downloaded: false });
    expect(await createCatalogue(options).find("hf:waggle/story:Q8_0")).toMatchObject({ path });
  });

  test("that was cut is continued under another reference", async () => {
    await using server = await startModelServer({ content, etag: '"1"', manifestFile: "story-Q8_0.gguf" });
    const options = { folder, endpoint: server.url };
    await cutDownload(
      (more) => pullModel("hf:waggle/story:Q8_0", { ...options, ...more }),
      ({ doneBytes }) => doneBytes > 100_000,
    );
    await pullModel("hf:waggle/story/story-Q8_0.gguf", options);
    expect(await createCatalogue(options).list()).toMatchObject([{ state: "whole", bytes: content.length }]);
  });

  test("has a unique name, even if two models have the same default name", async () => {
    await using server = await startModelServer({ content, etag: '"1"' });
    const options = { folder, endpoint: server.url };
    await pullModel("hf:bee/story/model-Q8_0.gguf", options);
    await pullModel("hf:wasp/story/model-Q8_0.gguf", options);
    const catalogue = createCatalogue(options);
    const [first, second] = await catalogue.list();
    expect([first?.name, second?.name]).toEqual(["model-q8_0", "model-q8_0-2"]);
    await catalogue.remove("model-q8_0");
    expect((await catalogue.list()).map(({ name, reference }) => [name, reference])).toEqual([
      ["model-q8_0-2", "hf:wasp/story/model-Q8_0.gguf"],
    ]);
  });

  test("is listed while it is partial, with its current and its total size", async () => {
    await using server = await startModelServer({ content, etag: '"1"', manifestFile: "s-00001-of-00002.gguf" });
    const options = { folder, endpoint: server.url };
    await cutDownload(
      (more) => pullModel("hf:waggle/story:Q8_0", { ...options, ...more }),
      ({ part, doneBytes }) => part === 2 && doneBytes > 400_000,
    );
    const catalogue = createCatalogue(options);
    const [model] = await catalogue.list();
    expect(model).toMatchObject({
      ...{ name: "story-q8_0", reference: "hf:waggle/story:Q8_0", state: "partial" },
      ...{ totalBytes: 2 * content.length, parts: 2, wholeParts: 1 },
    });
    expect(model?.bytes).toBeGreaterThan(400_000);
    await catalogue.remove("hf:waggle/story:Q8_0");
    expect(filesThere()).toEqual([]);
  });

  test("without a record is listed, too", async () => {
    const paths = [
      put("hf_waggle_story.Q8_0.gguf"),
      put("hf_waggle_long-00001-of-00002.gguf"),
      put("hf_waggle_long-00002-of-00002.gguf"),
      put(`url-0123456789ab/tale.gguf.${partialKey}.part`),
    ];
    const list = await createCatalogue({ folder }).list();
    const rows = list.map(({ name, reference, path, state, parts }) => [name, reference, path, state, parts]);
    expect(rows.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ["hf_waggle_long", undefined, paths[1], "whole", 2],
      ["hf_waggle_story.q8_0", undefined, paths[0], "whole", 1],
      ["tale", undefined, join(folder, "url-0123456789ab/tale.gguf"), "partial", 1],
    ]);
  });
});

describe("removing a model", () => {
  test("deletes all its parts, partial files and records, and no other files", async () => {
    await using server = await startModelServer({ content, etag: '"1"', manifestFile: "s-00001-of-00002.gguf" });
    const options = { folder, endpoint: server.url };
    await pullModel("hf:waggle/story:Q8_0", options);
    await pullModel(`${server.url}/a/b/tale.gguf`, options);
    put(`hf_waggle_story_story.Q8_0-00002-of-00002.gguf.${partialKey}.part`);
    put(`hf_waggle_story_story.Q8_0-00002-of-00002.gguf.${partialKey}.part.json`);
    const others = [
      "hf_waggle_story_story.Q8_0.gguf",
      "story.gguf",
      "story.gguf.json",
      "model-hashes.json",
      "notes.txt",
    ];
    for (const name of others) put(name);
    const catalogue = createCatalogue(options);
    await catalogue.remove("hf:waggle/story:Q8_0");
    // The first file has a name like our downloads', but belongs to another model.
    await catalogue.remove("tale");
    expect(readdirSync(folder).toSorted()).toEqual(others.toSorted());
  });

  test("is rejected if Waggle has not downloaded it", async () => {
    put("story.gguf");
    put("story.gguf.json", '{"kind":"other","reference":"hf:u/r","name":"story","parts":[{}]}');
    put("sub/hf_waggle_story.gguf");
    const aside = put("elsewhere/x.gguf");
    symlinkSync(aside, join(folder, "hf_waggle_link.gguf"));
    const catalogue = createCatalogue({ folder });
    const before = filesThere();
    expect(await catalogue.list()).toEqual([]);
    const wanted = [
      "story",
      "story.gguf",
      "link",
      aside,
      join(folder, "story.gguf"),
      "../x",
      "",
      "https://bee:5ecre7@h/x.gguf",
    ];
    for (const name of wanted) {
      await expect(catalogue.remove(name)).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringMatching(/^Cannot remove model .*: Waggle has not downloaded it$/),
      });
      await expect(catalogue.remove(name)).rejects.not.toThrow("5ecre7");
    }
    expect(filesThere()).toEqual(before);
  });

  test("is rejected while the model is being downloaded", async () => {
    await using server = await startModelServer({ content, etag: '"1"', beforePiece: () => new Promise(() => {}) });
    const options = { folder, endpoint: server.url };
    const stopped = new AbortController();
    let begun = (): void => {};
    const running = new Promise<void>((resolve) => (begun = resolve));
    const pulling = pullModel("hf:waggle/story/story.gguf", {
      ...options,
      signal: stopped.signal,
      onProgress: ({ stage }) => stage === "downloading" && begun(),
    });
    await running;
    const catalogue = createCatalogue(options);
    await expect(catalogue.remove("story")).rejects.toMatchObject({
      code: "conflict",
      message: "Cannot remove model story: it is being downloaded",
    });
    stopped.abort();
    await expect(pulling).rejects.toThrow("aborted");
    await catalogue.remove("story");
    expect(filesThere()).toEqual([]);
  });

  test("twice at the same time does not fail", async () => {
    await using server = await startModelServer({ content, etag: '"1"' });
    const options = { folder, endpoint: server.url };
    await pullModel("hf:waggle/story/story.gguf", options);
    const catalogue = createCatalogue(options);
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => catalogue.remove("story")));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: /^(conflict|not_found)$/ });
    }
    expect(outcomes.map(({ status }) => status)).toContain("fulfilled");
    expect(filesThere()).toEqual([]);
  });
});

describe("a model that changes on the server", () => {
  test("is only downloaded again with `update`", async () => {
    const old = { content, linkedSha256: sha256Of(content) };
    let isNew = false;
    await using server = await startModelServer({
      ...old,
      fileAt: () => (isNew ? { content: newer, linkedSha256: sha256Of(newer) } : old),
    });
    const options = { folder, endpoint: server.url };
    const { path } = await pullModel("hf:waggle/story:Q8_0", options);
    expect(await pullModel("hf:waggle/story:Q8_0", { ...options, update: true })).toMatchObject({ downloaded: false });
    isNew = true;
    expect(await pullModel("hf:waggle/story:Q8_0", options)).toMatchObject({ downloaded: false });
    expect(content.equals(readFileSync(path))).toBe(true);
    const updated = await pullModel("hf:waggle/story:Q8_0", { ...options, update: true });
    expect(updated).toMatchObject({ downloaded: true, path, sha256: sha256Of(newer), name: "story-q8_0" });
    expect(newer.equals(readFileSync(path))).toBe(true);
  });

  test("between the downloads of two parts never has parts of two versions", async () => {
    const old = { content, etag: '"old"' };
    await using server = await startModelServer({
      ...old,
      manifestFile: "s-00001-of-00002.gguf",
      fileAt: (answers) => (answers === 0 ? old : { content: newer, etag: '"new"' }),
    });
    const { path } = await pullModel("hf:waggle/story:Q8_0", { folder, endpoint: server.url });
    expect(newer.equals(readFileSync(path))).toBe(true);
    expect(newer.equals(readFileSync(path.replace("-00001-", "-00002-")))).toBe(true);
  });

  test("between two attempts of a split download never has parts of two versions", async () => {
    const old = { content, etag: '"old"' };
    let isNew = false;
    await using server = await startModelServer({
      ...old,
      manifestFile: "s-00001-of-00002.gguf",
      fileAt: () => (isNew ? { content: newer, etag: '"new"' } : old),
    });
    const options = { folder, endpoint: server.url };
    await cutDownload(
      (more) => pullModel("hf:waggle/story:Q8_0", { ...options, ...more }),
      ({ part }) => part === 2,
    );
    isNew = true;
    const { path } = await pullModel("hf:waggle/story:Q8_0", options);
    expect(newer.equals(readFileSync(path))).toBe(true);
    expect(newer.equals(readFileSync(path.replace("-00001-", "-00002-")))).toBe(true);
  });
});

test("a split model is partial after an interrupted update, and complete after the next update", async () => {
  let isNew = false;
  await using server = await startModelServer({
    content,
    manifestFile: "s-00001-of-00002.gguf",
    fileAt: () => (isNew ? { content: newer, etag: '"new"' } : { content, etag: '"old"' }),
  });
  const options = { folder, endpoint: server.url };
  const { path } = await pullModel("hf:waggle/story:Q8_0", options);
  isNew = true;
  await cutDownload(
    (more) => pullModel("hf:waggle/story:Q8_0", { ...options, update: true, ...more }),
    ({ part, stage }) => part === 2 && stage === "downloading",
  );
  expect(await createCatalogue(options).list()).toMatchObject([{ state: "partial", wholeParts: 1, parts: 2 }]);
  await pullModel("hf:waggle/story:Q8_0", options);
  expect(newer.equals(readFileSync(path))).toBe(true);
  expect(newer.equals(readFileSync(path.replace("-00001-", "-00002-")))).toBe(true);
});

test("a download without a received byte leaves no record", async () => {
  await using server = await startModelServer({ content, linkedSha256: sha256Of(newer) });
  const refused = pullModel("hf:waggle/story/story.gguf", { folder, endpoint: server.url });
  await expect(refused).rejects.toThrow("is damaged");
  expect(filesThere()).toEqual([]);
});

test("a path cannot be downloaded", async () => {
  await expect(pullModel("./story.gguf", { folder })).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/^Cannot download model \.\/story\.gguf: it is a path; /),
  });
});

test("a record that is a FIFO does not block the list", async () => {
  put("hf_user_story.gguf");
  execFileSync("mkfifo", [join(folder, "hf_user_story.gguf.json"), join(folder, "other.gguf.json")]);
  expect((await createCatalogue({ folder }).list()).map(({ name }) => name)).toEqual(["hf_user_story"]);
});

test.each<[why: string, record: object, name: string, reference: string | undefined]>([
  ["a name of many characters", { name: "x".repeat(300_000) }, "hf_user_story", "hf:user/story"],
  ["a name with a line break", { name: "a\nb" }, "hf_user_story", "hf:user/story"],
  ["the name of a route", { name: "status" }, "hf_user_story", "hf:user/story"],
  ["a reference of many characters", { reference: `hf:${"x".repeat(9_999)}` }, "hf_user_story", undefined],
  ["a reference with an escape sequence", { reference: "hf:\u001b[2J" }, "hf_user_story", undefined],
])("the values of a record with %s are not trusted", async (_, record, name, reference) => {
  put("hf_user_story.gguf");
  const whole = { kind: "waggle-download", reference: "hf:user/story", name: "tale", parts: [{}], ...record };
  put("hf_user_story.gguf.json", JSON.stringify(whole));
  expect(await createCatalogue({ folder }).list()).toMatchObject([{ name, reference }]);
});

test("a file called status does not get the name of a route", async () => {
  put("url-0123456789ab/status.gguf");
  expect((await createCatalogue({ folder }).list()).map(({ name }) => name)).toEqual(["status-2"]);
});
