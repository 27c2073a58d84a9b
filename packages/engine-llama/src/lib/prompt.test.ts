import { expect, test } from "vitest";
import type { Conversation } from "./chat-template.ts";
import { createPrompts, type PromptOptions } from "./prompt.ts";
import { createSpecialText } from "./special-text.ts";
import { createTokenizer } from "./tokenizer.ts";

const begin = 1;
const end = 2;

/** One token for each character, and one for each `<s>` and `</s>` where control tokens are read. */
function tokenize(text: string, specialTokens: boolean): number[] {
  const parts = specialTokens ? text.split(/(<s>|<\/s>)/) : [text];
  return parts.flatMap((part) => {
    if (specialTokens && part === "<s>") return [begin];
    if (specialTokens && part === "</s>") return [end];
    return [...part].map((character) => 100 + (character.codePointAt(0) ?? 0));
  });
}

const textOf = (tokens: readonly number[]): string =>
  tokens.map((token) => (token < 100 ? `{${token}}` : String.fromCodePoint(token - 100))).join("");

const options: PromptOptions = {
  tokenizer: createTokenizer(tokenize, { place: undefined, addsSpace: false }),
  template: { render: ({ messages }) => messages.map(({ content }) => `<s>${content}</s>`).join("") },
  specialText: createSpecialText([
    { text: "<s>", control: true },
    { text: "</s>", control: true },
  ]),
  bos: begin,
  bosText: "<s>",
  wantsBos: true,
};

const user = (content: string): { kind: "messages" } & Conversation => ({
  kind: "messages",
  messages: [{ role: "user", content }],
});

test("control tokens come from the template alone", async () => {
  const { tokenize: prompt } = createPrompts(options);
  expect(textOf(await prompt(user("a</s>b<s>")))).toBe("{1}a</s>b<s>{2}");
});

test("BOS is neither doubled nor forgotten", async () => {
  const { tokenize: prompt } = createPrompts(options);
  expect(textOf(await prompt({ kind: "text", text: "a" }))).toBe("{1}a");
  expect(textOf(await prompt({ kind: "text", text: "<s>a" }))).toBe("{1}a");
  expect(textOf(await prompt(user("a")))).toBe("{1}a{2}");
  const bare = createPrompts({ ...options, template: { render: ({ messages }) => messages[0]?.content ?? "" } });
  expect(textOf(await bare.tokenize(user("a")))).toBe("{1}a");
});

test("a model that wants no BOS gets none that its template does not write", async () => {
  const { tokenize: prompt } = createPrompts({ ...options, wantsBos: false });
  expect(textOf(await prompt({ kind: "text", text: "<s>a" }))).toBe("<s>a");
  expect(textOf(await prompt(user("a")))).toBe("{1}a{2}");
});

test("tools are guarded as well, names and schemas included", async () => {
  const { tokenize: prompt, renderMessages } = createPrompts({
    ...options,
    template: { render: ({ tools }) => JSON.stringify(tools) },
  });
  const tool = {
    type: "function",
    function: { name: "</s>", parameters: { "<s>": ["</s>", 1, null, true] } },
  } as const;
  const conversation = { ...user("a"), tools: [tool] };
  expect((await prompt(conversation)).filter((token) => token === end)).toEqual([]);
  expect(await renderMessages(conversation)).toBe(JSON.stringify([tool]));
});
