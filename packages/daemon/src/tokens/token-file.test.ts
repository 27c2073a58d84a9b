import { expect, test } from "vitest";
import { TokenFileError, maxTokens, parseTokenFile, tokenFingerprint } from "./token-file.ts";
import { noQuota, noRights } from "./token-rights.ts";

const none = new Set();

/** Returns the error for the text. Throws when the text is accepted, or another error is thrown. */
function refusal(text: string): TokenFileError {
  try {
    parseTokenFile(text);
  } catch (error) {
    if (error instanceof TokenFileError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

test("a file may have names, comments, empty lines and line ends of any kind", () => {
  expect(parseTokenFile("\uFEFF# clients\r\nalice: secret-one \r\n\r\n  bob:with:colons\n")).toEqual([
    { name: "alice", token: "secret-one", ...noRights },
    { name: "bob", token: "with:colons", ...noRights },
  ]);
});

test("a bare token is named after its fingerprint, on any line", () => {
  const [bare] = parseTokenFile("secret-one");
  expect(bare).toEqual({ name: `token-${tokenFingerprint("secret-one")}`, token: "secret-one", ...noRights });
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
])("%j is refused, naming line %s", (text, line) => {
  expect(refusal(text).problems).toEqual([expect.stringContaining(`line ${line}: `)]);
});

test.each(["", "# nothing\n\n"])("%j is refused because it has no token", (text) => {
  expect(refusal(text).problems).toEqual(["it holds no token"]);
});

test("all wrong lines are reported at once, up to a limit", () => {
  expect(refusal("a:short\nb:secret-two\nb:secret-three admin admin\nc:secret-two").problems).toEqual([
    "line 1: a token has 8 to 512 characters",
    "line 3: admin is repeated",
    "line 4: its token is a duplicate",
  ]);
  expect(refusal("a:short\n".repeat(50)).problems).toHaveLength(20);
});

test.each([
  "a:sesame",
  "b:open sesame please",
  "sesame1!\nsesame1!",
  "a:open-the-door sesame=1",
  "a:open-the-door sesame",
])("the error about %j shows no token", (text) => {
  expect(refusal(text).message).not.toContain("sesame");
});

test("the number of tokens is bounded", () => {
  const lines = Array.from({ length: maxTokens }, (_, i) => `name-${i}:secret-${i}`);
  expect(parseTokenFile(lines.join("\n"))).toHaveLength(maxTokens);
  const tooMany = [...lines, "one-more:secret-xyz"].join("\n");
  expect(refusal(tooMany).message).toBe(`line ${maxTokens + 1}: more than ${maxTokens} tokens`);
});

test("the rights of a token follow it, in any order", () => {
  const text =
    "root:secret-one admin\nbob:secret-two  tokens-per-day=1000000 requests-per-minute=60\tadmin\nsecret-bare running-jobs=2 monitor";
  expect(parseTokenFile(text)).toEqual([
    { name: "root", token: "secret-one", admin: true, monitor: true, tools: none, quota: noQuota },
    {
      name: "bob",
      token: "secret-two",
      admin: true,
      monitor: true,
      tools: none,
      quota: { ...noQuota, tokensPerDay: 1_000_000, requestsPerMinute: 60 },
    },
    {
      name: expect.stringMatching(/^token-/),
      token: "secret-bare",
      admin: false,
      monitor: true,
      tools: none,
      quota: { ...noQuota, runningJobs: 2 },
    },
  ]);
  expect(parseTokenFile("secret-bare running-jobs=2")[0]?.name).toBe(parseTokenFile("secret-bare")[0]?.name);
});

test("only a word gives the right to run MCP tools, of all servers or of those named", () => {
  const rightsIn = (words: string): unknown => parseTokenFile(`a:secret-one ${words}`)[0]?.tools;
  expect(rightsIn("admin monitor")).toEqual(none);
  expect(rightsIn("admin tools=all")).toBe("all");
  expect(rightsIn("tools=files,web_search,a-1 running-jobs=2")).toEqual(new Set(["files", "web_search", "a-1"]));
});

test.each([
  ...["tools", "tools=", "tools=files,", "tools=a__b", "tools=_a", "tools=all,files", "tools=a=b", "tools=*"].map(
    (word) => [word, "tools takes all, or names of MCP servers, as in tools=files,search"],
  ),
  ["tools=all tools=files", "tools is repeated"],
  ["running-jobs=0", "running-jobs takes a whole number from 1"],
  ["running-jobs=two", "running-jobs takes a whole number from 1"],
  ["running-jobs", "running-jobs takes a whole number from 1"],
  ["running-jobs=1=2", "running-jobs takes a whole number from 1"],
  ["tokens-per-minute=1.5", "tokens-per-minute takes a whole number from 1"],
  ["tokens-per-minute=1000000000001", "tokens-per-minute takes a whole number from 1"],
  ["running-jobs=1 running-jobs=1", "running-jobs is repeated"],
  ["admin admin", "admin is repeated"],
  [
    "admin request-per-minute=5",
    "word 2 after the token must be one of admin, monitor, tools=<all or servers>, requests-per-minute=<n>",
  ],
  ["Admin", "word 1 after the token must be one of admin"],
])("the rights %j are refused by line and name", (rights, reason) => {
  const { message } = refusal(`root:secret-one admin\nbob:secret-two ${rights}`);
  expect(message).toContain(`line 2: ${reason}`);
});
