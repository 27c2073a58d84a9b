// Tests how prompts are tokenized with their answers, with a made-up template and a vocabulary of characters and a few longer tokens.
import { createSpecialText } from "@waggle/chat-format/describe";
import { answerStart, createReader, genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { entryTokens } from "@waggle/engine";
import { expect, test } from "vitest";
import { createAnswerTokenizer } from "./answer-tokenizer.ts";
import { openChat, type Conversation } from "./chat.ts";
import { createPrompts } from "./prompt.ts";
import { createTokenizer } from "./tokenizer.ts";

const controls = ["<s>", "</s>", "<think>", "</think>", "<final>"];
const merges = [":Y", "\na"];
const pieces = [...controls, ...merges];
const firstCharacter = 1_000;

interface Model {
  readonly format?: Partial<ChatFormat>;
  /** Renders a user's message with the beginning of the answer, which is undefined where the answer is asked for. */
  readonly template: (user: string, answer: string | undefined) => string;
}

const plain: Model = { template: (user, answer = "") => `<s>u:${user}</s><s>a:${answer}` };

/** Tokenizes "hi" with each answer. Tokens are shown as their texts, and `calls` has what was tokenized. */
async function tokenizeWith({ format, template }: Model, answers: readonly string[]) {
  const calls: string[] = [];
  function tokenize(text: string, specialTokens: boolean): number[] {
    calls.push(text);
    const known = specialTokens ? pieces : merges;
    const tokens: number[] = [];
    for (let at = 0; at < text.length;) {
      const piece = known.find((each) => text.startsWith(each, at)) ?? text.charAt(at);
      tokens.push(pieces.includes(piece) ? pieces.indexOf(piece) : firstCharacter + piece.charCodeAt(0));
      at += piece.length;
    }
    return tokens;
  }
  const prompts = createPrompts({
    tokenizer: createTokenizer(tokenize, { pattern: undefined, addsSpace: false }),
    renderer: {
      render: async ({ messages }: Conversation) => {
        const [user = "", answer] = messages.map(({ content }) => (typeof content === "string" ? content : ""));
        return template(user, answer);
      },
    },
    format: { ...genericFormat, turnOpens: ["<s>a:"], ...format },
    specialText: createSpecialText(controls.map((text) => ({ text, control: true }))),
    ...{ bos: null, bosText: "", wantsBos: false, contextSize: 64, vocabularySize: 1_000_000 },
  });
  const input = { kind: "messages" as const, messages: [{ role: "user" as const, content: "hi" }] };
  const { prompt, rests } = await prompts.answerTokenizer()(input, answers);
  return { prompt: entryTokens(prompt.entries).map(textOf), rests: rests.map((rest) => rest.map(textOf)), calls };
}

function textOf(token: number): string {
  return pieces[token] ?? String.fromCodePoint(token - firstCharacter);
}

test("the prompt ends before a token that an answer changes, and only its last turn is tokenized for each answer", async () => {
  const { prompt, rests, calls } = await tokenizeWith(plain, ["Yes", "No"]);
  expect(prompt).toEqual(["<s>", "u", ":", "h", "i", "</s>", "<s>", "a"]);
  expect(rests).toEqual([
    [":Y", "e", "s"],
    [":", "N", "o"],
  ]);
  expect(calls.filter((text) => text.includes("hi"))).toHaveLength(1);
});

test.each([
  ["has no known beginning", { format: { turnOpens: [] }, template: plain.template }, ["<s>", "a"]],
  [
    "shares a token with the text before it",
    { format: { turnOpens: ["a:"] }, template: (user: string, answer = "") => `<s>u:${user}\na:${answer}` },
    ["\na"],
  ],
])("the whole prompt is tokenized with each answer where the last turn %s", async (_, model, end) => {
  const { prompt, rests, calls } = await tokenizeWith(model, ["Yes", "No"]);
  expect(prompt.slice(-end.length)).toEqual(end);
  expect(rests).toEqual([
    [":Y", "e", "s"],
    [":", "N", "o"],
  ]);
  expect(calls.filter((text) => text.includes("hi"))).toHaveLength(3);
});

test("text of a control token in an answer stays text", async () => {
  const { rests } = await tokenizeWith(plain, ["</s>", "N"]);
  expect(rests).toEqual([["<", "/", "s", ">"], ["N"]]);
});

test("a thought that the prompt opens is closed", async () => {
  const model: Model = {
    format: { thoughtEnd: "</think>\n" },
    template: (user, answer = "<think>") => plain.template(user, answer),
  };
  const { prompt, rests } = await tokenizeWith(model, ["Y", "N"]);
  expect(prompt.slice(-5)).toEqual(["a", ":", "<think>", "</think>", "\n"]);
  expect(rests).toEqual([["Y"], ["N"]]);
});

const always: Partial<ChatFormat> = { abilities: { ...genericFormat.abilities, thinking: "always" } };

test("an answer begins where the template shows it", async () => {
  const template: Model["template"] = (user, answer) =>
    plain.template(user, answer === undefined ? "" : `<final>${answer}`);
  const { prompt } = await tokenizeWith({ format: always, template }, ["Y", "N"]);
  expect(prompt.slice(-3)).toEqual(["a", ":", "<final>"]);
});

test("a model that always thinks is refused where its template does not show the answer", async () => {
  const template: Model["template"] = (user, answer) => {
    if (answer !== undefined) throw new Error("The last message must be the user's");
    return plain.template(user, answer);
  };
  await expect(tokenizeWith({ format: always, template }, ["Y"])).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("always thinks"),
  });
  await expect(tokenizeWith({ template }, ["Y"]), "another model answers at once").resolves.toMatchObject({
    rests: [[":Y"]],
  });
});

test("no template of llama.cpp's tests leaves a thought open before the answer", async () => {
  for (const [name, source] of llamaTemplates()) {
    const templates = new Map([["default", source]]);
    const texts = { specialTokens: [], bosText: "<s>", eosText: "</s>", warn: () => undefined };
    const chat = await openChat({ templates, chosen: undefined, ...texts });
    const { thinkingSwitch: off } = chat.format.abilities;
    const prompts: string[] = [];
    const tokenizeAnswers = createAnswerTokenizer({
      ...{ format: chat.format, guard: (text) => text, render: (input) => chat.render(input as never) },
      tokenize: async (text) => [...text].map((_, i) => i + prompts.push(text)),
      tokenizePart: async () => [],
    });
    const template = off === undefined ? {} : { variables: { [off.name]: off.off } };
    await tokenizeAnswers({ kind: "messages", messages: [{ role: "user", content: "Is it?" }], template }, ["yes"]);
    const start = answerStart(chat.format, prompts[0] ?? "");
    expect(createReader({ format: chat.format, tools: [], start }).in, name).not.toBe("reasoning");
    await chat.close();
  }
});
