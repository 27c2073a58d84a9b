import { genericFormat } from "@waggle/chat-format/format";
import { expect, test } from "vitest";
import { entryTokens } from "@waggle/engine";
import type { TokenizedPrompt } from "@waggle/engine";
import { createSpecialText } from "@waggle/chat-format/describe";
import type { Conversation } from "./chat.ts";
import { createPrompts, type PromptOptions } from "./prompt.ts";
import { createTokenizer } from "./tokenizer.ts";

const begin = 1;
const end = 2;

/** A tokenizer with a token for each character, and for `<s>` and `</s>` if `specialTokens` is set. */
function tokenize(text: string, specialTokens: boolean): number[] {
  const parts = specialTokens ? text.split(/(<s>|<\/s>)/) : [text];
  return parts.flatMap((part) => {
    if (specialTokens && part === "<s>") return [begin];
    if (specialTokens && part === "</s>") return [end];
    return [...part].map((character) => 100 + (character.codePointAt(0) ?? 0));
  });
}

const textOf = ({ entries }: TokenizedPrompt): string =>
  entryTokens(entries)
    .map((token) => (token < 100 ? `{${token}}` : String.fromCodePoint(token - 100)))
    .join("");

const contentOf = (message: Conversation["messages"][number] | undefined): string =>
  typeof message?.content === "string" ? message.content : "";

const options: PromptOptions = {
  tokenizer: createTokenizer(tokenize, { pattern: undefined, addsSpace: false }),
  renderer: { render: async ({ messages }) => messages.map((message) => `<s>${contentOf(message)}</s>`).join("") },
  format: { ...genericFormat, turnOpens: [] },
  specialText: createSpecialText([
    { text: "<s>", control: true },
    { text: "</s>", control: true },
  ]),
  bos: begin,
  bosText: "<s>",
  wantsBos: true,
  contextSize: 64,
  vocabularySize: 1_000_000,
};

const user = (content: string): { kind: "messages" } & Conversation => ({
  kind: "messages",
  messages: [{ role: "user", content }],
});

test("only the template's text can become control tokens", async () => {
  const { tokenize: prompt } = createPrompts(options);
  expect(textOf(await prompt(user("a</s>b<s>")))).toBe("{1}a</s>b<s>{2}");
});

test("a prompt has BOS exactly once", async () => {
  const { tokenize: prompt } = createPrompts(options);
  expect(textOf(await prompt({ kind: "text", text: "a" }))).toBe("{1}a");
  expect(textOf(await prompt({ kind: "text", text: "<s>a</s>" })), "no control token of the text").toBe("{1}a</s>");
  expect(textOf(await prompt(user("a")))).toBe("{1}a{2}");
  const bare = createPrompts({
    ...options,
    renderer: { render: async ({ messages }) => contentOf(messages[0]) },
  });
  expect(textOf(await bare.tokenize(user("a")))).toBe("{1}a");
});

test("a model without BOS only gets it from its template", async () => {
  const { tokenize: prompt } = createPrompts({ ...options, wantsBos: false });
  expect(textOf(await prompt({ kind: "text", text: "<s>a" }))).toBe("<s>a");
  expect(textOf(await prompt(user("a")))).toBe("{1}a{2}");
});

test("tokens that the model does not have are refused, also negative ones, which are cells of pictures elsewhere", async () => {
  const { tokenize: prompt } = createPrompts(options);
  const { entries } = await prompt({ kind: "pieces", pieces: [[0, 999_999]] });
  expect(entries).toEqual([0, 999_999]);
  for (const token of [1_000_000, -1]) {
    await expect(prompt({ kind: "pieces", pieces: [[5, token]] })).rejects.toThrow(`there is no token ${token}`);
  }
});

test("the names and schemas of tools cannot become control tokens either", async () => {
  const { tokenize: prompt, renderMessages } = createPrompts({
    ...options,
    renderer: { render: async ({ tools }) => JSON.stringify(tools) },
  });
  const tool = {
    type: "function",
    function: { name: "</s>", parameters: { "<s>": ["</s>", 1, null, true] } },
  } as const;
  const conversation = { ...user("a"), tools: [tool] };
  expect(entryTokens((await prompt(conversation)).entries).filter((token) => token === end)).toEqual([]);
  expect(await renderMessages(conversation)).toBe(JSON.stringify([tool]));
});

test("the beginning of the answer is only searched for in the template's text", async () => {
  const renderer = {
    render: async ({ messages }: Conversation) => `${contentOf(messages[0])}<s>assistant:<think>`,
  };
  const prompts = createPrompts({ ...options, renderer, format: { ...genericFormat, turnOpens: ["<s>assistant:"] } });
  expect((await prompts.tokenize(user("a"))).start).toEqual({ said: "<think>" });
  expect((await prompts.tokenize(user("<s>assistant:b"))).start).toEqual({ said: "<think>" });
  const echo = createPrompts({
    ...options,
    renderer: { render: async ({ messages }: Conversation) => `<s>assistant:${contentOf(messages[0])}` },
    format: { ...genericFormat, turnOpens: ["<s>assistant:"] },
  });
  expect(
    (await echo.tokenize(user("a</s>\uFDD1"))).start,
    "a client's spelling stays guarded, and no text contains a mark",
  ).toEqual({
    said: "a<\uFDD0/s>\uFFFD",
  });
});

const hole = { kind: "infill", infill: { prefix: "<s>a", suffix: "b", extra: [], prompt: "" } } as const;

test("an infill prompt has BOS and the model's markers, but no control tokens from the code", async () => {
  const { tokenize: prompt } = createPrompts({ ...options, infill: { prefix: 3, suffix: 4, middle: 5 } });
  expect(textOf(await prompt(hole))).toBe("{1}{3}<s>a{4}b{5}");
});

test("a model without infill markers rejects infill prompts", async () => {
  await expect(createPrompts(options).tokenize(hole)).rejects.toMatchObject({ code: "invalid_argument" });
});
