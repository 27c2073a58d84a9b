// In the first table, the files have the same names as in node-llama-cpp.
import { describe, expect, test } from "vitest";
import { nameOnDisk, quantizedName } from "../folder/model-names.ts";
import { likelyReference, parseReference } from "./parse-reference.ts";

const endpoint = "https://huggingface.co/";
const hub = "https://huggingface.co";

test.each([
  ["hf:a/b/c.gguf", "hf_a_b_c.gguf", "/a/b/resolve/main/c.gguf"],
  ["hf://a/b/c.gguf", "hf_a_b_c.gguf", "/a/b/resolve/main/c.gguf"],
  ["hf:a/B-3-GGUF/B-3-Q4_K_M.gguf", "hf_a_B-3-Q4_K_M.gguf", "/a/B-3-GGUF/resolve/main/B-3-Q4_K_M.gguf"],
  ["hf:u/r/x/y/z.gguf#dev", "hf_u_r_dev_x__y_z.gguf", "/u/r/resolve/dev/x/y/z.gguf"],
  ["hf:u/r-gguf/sub/r-x.gguf", "hf_u_sub_r-x.gguf", "/u/r-gguf/resolve/main/sub/r-x.gguf"],
  ["hf:u/r/Foo/foo.gguf", "hf_u_r_foo.gguf", "/u/r/resolve/main/Foo/foo.gguf"],
  [
    "hf:u/r/Foo/foo-00001-of-00002.gguf",
    "hf_u_r_foo-00001-of-00002.gguf",
    "/u/r/resolve/main/Foo/foo-00001-of-00002.gguf",
  ],
  ["hf:u/r/a b+c.gguf", "hf_u_r_a b+c.gguf", "/u/r/resolve/main/a%20b%2Bc.gguf"],
  ["hf:u/r/a:b.gguf", "hf_u_r_a!b.gguf", "/u/r/resolve/main/a%3Ab.gguf"],
  ["hf:u/r/x.gguf.part1of2", "hf_u_r_x.gguf", "/u/r/resolve/main/x.gguf.part1of2"],
  [`${hub}/u/r/blob/main/x.gguf`, "hf_u_r_x.gguf", "/u/r/resolve/main/x.gguf"],
  ["https://hf.co/u/r/resolve/dev/x.gguf?download=true", "hf_u_r_dev_x.gguf", "/u/r/resolve/dev/x.gguf"],
])("%s is the file %s", (reference, name, path) => {
  expect(parseReference(reference, endpoint)).toMatchObject({ kind: "file", name, url: `${hub}${path}?download=true` });
});

test.each([
  ["hf:a/b:Q4_K_M", "Q4_K_M", "hf_a_b_b.Q4_K_M.gguf"],
  ["hf:a/b-GGUF:q8_0", "Q8_0", "hf_a_b.Q8_0.gguf"],
  ["hf:a/b", undefined, "hf_a_b_b.gguf"],
  ["hf:a/b:latest", undefined, "hf_a_b_b.gguf"],
  ["hf:a/x.y-gguf:ud-q4_k_xl", "ud-q4_k_xl", "hf_a_x.y.UD-Q4_K_XL.gguf"],
  [`${hub}/a/b`, undefined, "hf_a_b_b.gguf"],
])("%s is the tag %s, and the file %s", (reference, tag, name) => {
  const target = parseReference(reference, endpoint);
  expect(target).toMatchObject({ kind: "tag", tag });
  const { user, repo } = target as { user: string; repo: string };
  expect(quantizedName(user, repo, tag?.toUpperCase())).toBe(name);
});

test.each(["x.gguf", "./models/x.gguf", "/m/x.gguf", "C:\\m\\x.gguf", "hfx:y"])("%s is a path", (reference) => {
  expect(parseReference(reference, endpoint)).toEqual({ kind: "path" });
});

test.each(["hf:", "hf:nobody", "hf:/x", "hf:u/:Q4", "hf:u/r/", "https://", "https://host", "https://host/a/"])(
  "%s is refused as a reference",
  (reference) => {
    expect(() => parseReference(reference, endpoint)).toThrow(`Cannot resolve model ${reference}: `);
  },
);

test("no reference gets a path outside of the folder", () => {
  for (const reference of ["https://h/..%2f..%2fx.gguf", "hf:../../x.gguf", "hf:u/r/..", "hf:u/r/..%2fx.gguf"]) {
    const { name = "" } = parseReference(reference, endpoint) as { name?: string };
    expect(name).toMatch(/^(url-[\da-f]{12}\/)?[^/]*$/);
    expect(name).not.toBe("..");
  }
});

test("long names are cut, but stay different", () => {
  const names = ["Q4_K_M", "Q8_0"].map((end) => nameOnDisk(`${"x".repeat(120)}.${end}.gguf`));
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toHaveLength(100);
  expect(nameOnDisk(`${"x".repeat(120)}-00002-of-00003.gguf`)).toMatch(/^x+-[\da-f]{8}-00001-of-00003\.gguf$/);
});

test("the URL of a split file must not have a hash", () => {
  const reference = `https://host/x-00001-of-00002.gguf#sha256=${"a".repeat(64)}`;
  expect(() => parseReference(reference, endpoint)).toThrow("a file in parts cannot have one SHA-256");
});

describe("a word that is no reference", () => {
  test.each([
    ["Qwen/Qwen3-4B-GGUF", "hf:Qwen/Qwen3-4B-GGUF"],
    ["Qwen/Qwen3-4B-GGUF:Q4_K_M", "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M"],
    ["hf.co/Qwen/Qwen3-4B-GGUF", "hf:Qwen/Qwen3-4B-GGUF"],
    ["huggingface.co/Qwen/Qwen3-4B-GGUF", "hf:Qwen/Qwen3-4B-GGUF"],
    ["ollama.com/library/llama3.2:3b", "ollama:llama3.2:3b"],
    ["ollama.com/user/model", "ollama:user/model"],
    ["https://www.ollama.com/library/qwen3", "ollama:qwen3"],
  ])("%s probably means %s, which is a reference", (word, likely) => {
    expect(likelyReference(word)).toBe(likely);
    expect(parseReference(likely, endpoint).kind).not.toBe("path");
  });

  test.each([
    "qwen3",
    "llama3.2:3b",
    "nosuchmodel",
    "./qwen3",
    "/models/qwen3",
    "~/qwen3",
    "story.gguf",
    "models/story.GGUF",
    "C:\\models",
    "hf:bad",
    "ollama:qwen3",
    "https://hf.co/user/repo",
    "a b",
    "a/b/c",
    "",
  ])("%j means no download", (word) => expect(likelyReference(word)).toBeUndefined());
});

test("the address of a page at Ollama is refused with the reference", () => {
  expect(() => parseReference("https://ollama.com/library/llama3.2:3b", endpoint)).toThrow(
    "it is the address of a page. Use ollama:llama3.2:3b",
  );
});
