import { expect, test } from "vitest";
import { TokenFileError, maxTokens, parseTokenFile, tokenFingerprint } from "./token-file.ts";

/** Throws when the text is accepted, or refused in another way. */
function refusal(text: string): TokenFileError {
  try {
    parseTokenFile(text);
  } catch (error) {
    if (error instanceof TokenFileError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

test("names, comments, empty lines and line ends of any kind", () => {
  expect(parseTokenFile("\uFEFF# clients\r\nalice: secret-one \r\n\r\n  bob:with:colons\n")).toEqual([
    { name: "alice", token: "secret-one" },
    { name: "bob", token: "with:colons" },
  ]);
});

test("a bare token is named after its fingerprint, wherever it stands", () => {
  const [bare] = parseTokenFile("secret-one");
  expect(bare).toEqual({ name: `token-${tokenFingerprint("secret-one")}`, token: "secret-one" });
  expect(parseTokenFile("# moved\n\nsecret-one")).toEqual([bare]);
  expect(bare?.name).not.toContain("secret");
});

test.each([
  ["a:secret-one\na:secret-two", 2],
  ["a:secret-one\n\nb:secret-one", 3],
  ["secret-one\nsecret-one", 2],
  ["a:short", 1],
  [":no-name-here", 1],
  ["a b:secret-one", 1],
  ["a:secret one", 1],
  [`a:${"x".repeat(513)}`, 1],
  ["", undefined],
  ["# nothing\n\n", undefined],
])("%j is refused, naming line %s", (text, line) => {
  expect(refusal(text).line).toBe(line);
});

test.each(["a:sesame", "b:open sesame please", "sesame1!\nsesame1!"])("the error about %j shows no token", (text) => {
  expect(refusal(text).message).not.toContain("sesame");
});

test("the number of tokens is bounded", () => {
  const lines = Array.from({ length: maxTokens }, (_, i) => `name-${i}:secret-${i}`);
  expect(parseTokenFile(lines.join("\n"))).toHaveLength(maxTokens);
  expect(refusal([...lines, "one-more:secret-xyz"].join("\n")).line).toBe(maxTokens + 1);
});
